"""MPANs as people type them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.mpan import MpanError, core_mpan, fits_check_digit

SOUND = "1200001234566"
AXLES_SAMPLE = "1234567890123"

digits = st.text("0123456789", min_size=12, max_size=12)


def with_check_digit(first_twelve: str) -> str:
    """The one core MPAN that begins with these digits."""
    (found,) = [core for last in range(10) if fits_check_digit(core := f"{first_twelve}{last}")]
    return found


@given(digits, st.lists(st.integers(0, 13), max_size=6), st.sampled_from(["", "03801902", "00 801 902 "]))
def test_spaces_and_a_top_line_do_not_change_the_core(twelve: str, gaps: list[int], top_line: str) -> None:
    core = with_check_digit(twelve)
    typed = core
    for gap in gaps:
        typed = f"{typed[:gap]} {typed[gap:]}"
    assert core_mpan(top_line + typed, check_digit=True) == core


@given(digits, st.integers(1, 9))
def test_a_wrong_last_digit_is_found_and_let_through_only_when_lenient(twelve: str, off_by: int) -> None:
    core = with_check_digit(twelve)
    wrong = core[:-1] + str((int(core[-1]) + off_by) % 10)
    with pytest.raises(MpanError, match="typing error"):
        core_mpan(wrong, check_digit=True)
    assert core_mpan(wrong, check_digit=False) == wrong


@given(st.text("0123456789 -x", max_size=30))
def test_what_is_no_mpan_is_refused_without_repeating_it(text: str) -> None:
    bare = text.replace(" ", "")
    if re.fullmatch(r"\d{13}|\d{21}", bare):
        return
    with pytest.raises(MpanError) as refusal:
        core_mpan(text, check_digit=False)
    assert len(bare) < 4 or bare not in str(refusal.value)


def test_leading_zeros_are_kept() -> None:
    core = with_check_digit("001234567890")
    assert core_mpan(core, check_digit=True).startswith("00")


def test_digits_of_other_scripts_are_refused() -> None:
    with pytest.raises(MpanError, match="digits only"):
        core_mpan("\u0661" * 13, check_digit=False)


def test_a_sound_mpan_fits_and_axles_sample_does_not() -> None:
    assert fits_check_digit(SOUND)
    assert not fits_check_digit(AXLES_SAMPLE)


def test_a_sum_of_ten_modulo_eleven_gives_zero() -> None:
    tens = [n for n in range(1000) if _sum(n) % 11 == 10]
    assert tens
    assert all(fits_check_digit(f"{n:012d}0") for n in tens)


def _sum(last_three: int) -> int:
    hundreds, tens, ones = (int(digit) for digit in f"{last_three:03d}")
    return 37 * hundreds + 41 * tens + 43 * ones
