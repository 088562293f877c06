"""Where the running meter stands."""

from dataclasses import dataclass
from datetime import datetime

from driveway.domain.twin.presence import Observed


@dataclass(frozen=True, slots=True)
class Register:
    """The latest value of a cumulative energy register, in whole watt-hours."""

    energy_wh: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Meter:
    """Where metering stands: the latest sample of each kind. The half-hours themselves are items of their own.

    ``power_w`` is True when charging at an unknown rate and False when not charging. ``total_wh`` is all energy metered
    so far, corrections included; ``session_started_wh`` what it was at ``session_started_at``, when the session began.
    It is the sum of what the best register settled (``settled_wh``), what a session register added since
    (``session_wh``) and what power added since the last register (``power_units``, half watt-milliseconds).
    """

    power_w: Observed | None = None
    session: Register | None = None
    lifetime: Register | None = None
    session_started_wh: int | None = None
    session_started_at: datetime | None = None
    total_wh: int = 0
    settled_wh: int = 0
    session_wh: int = 0
    power_units: int = 0
