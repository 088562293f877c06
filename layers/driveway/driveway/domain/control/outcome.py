"""What became of a command at the provider. Pure."""

from msgspec import Struct

from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind


class Outcome(Struct, frozen=True):
    """What became of a command at the provider.

    ``detail`` is in the provider's words, fit to show; ``provider_ref`` names the provider's own record of the command;
    ``observations`` are what the answer shows of the car (for example: unplugged, or already charging). ``unavailable``
    means that the provider itself, not this car, could not answer now. ``current_amps`` is the charging current (A per
    phase) that the car is set to, where reading its state shows it.
    """

    kind: OutcomeKind
    detail: str = ""
    retry_after_s: float | None = None
    provider_ref: str | None = None
    observations: tuple[Observation, ...] = ()
    asleep: bool = False
    unavailable: bool = False
    current_amps: int | None = None
