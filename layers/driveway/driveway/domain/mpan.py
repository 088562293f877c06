"""MPANs: the number of an electricity meter point in Great Britain."""

WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
CORE_DIGITS = 13
FULL_DIGITS = 21


class MpanError(ValueError):
    """The text is not an MPAN; the message says why, without repeating it."""


def core_mpan(text: str, *, check_digit: bool) -> str:
    """The 13-digit core of an MPAN given as 13 digits, or as 21 with its top line; spaces are ignored.

    Args:
        check_digit: whether the last digit has to fit: the weighted sum of the first twelve, modulo 11, modulo 10.

    Raises:
        MpanError: it is not an MPAN.
    """
    digits = "".join(text.split())
    if not (digits.isascii() and digits.isdigit()):
        raise MpanError("An MPAN has digits only.")
    if len(digits) == FULL_DIGITS:
        digits = digits[-CORE_DIGITS:]
    if len(digits) != CORE_DIGITS:
        raise MpanError(f"An MPAN has 13 digits, or 21 with its top line; this has {len(digits)}.")
    if check_digit and not fits_check_digit(digits):
        raise MpanError("The last digit does not fit the others: there is a typing error in the MPAN.")
    return digits


def fits_check_digit(core: str) -> bool:
    """Whether the thirteenth digit of a core MPAN fits the first twelve."""
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, core[:-1], strict=True))
    return total % 11 % 10 == int(core[-1])
