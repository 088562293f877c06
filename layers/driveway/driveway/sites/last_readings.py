"""The last readings of assets that stopped taking part: sent once, before Axle learns of it."""

import time
from collections.abc import Mapping
from datetime import datetime

from driveway.axle.readings import last_drain_of
from driveway.domain.enrolment import takes_part
from driveway.domain.sites.record import SiteCall, SiteRecord
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.sites.changing import Edit, Twins, change_site, of_call
from driveway.values import replace

LAST_READINGS_S = 5.0
"""How long an opt-out, a removal or an erasure may spend on readings (real seconds); what is left is given up."""


def send_last_readings(site: str, twins: Twins, call: SiteCall, runtime: Runtime) -> None:
    """Send the half-hours that had ended when assets stopped taking part, and note how many were given up."""
    ends_at = time.monotonic() + LAST_READINGS_S
    left: dict[str, int] = {}
    for twin in twins.values():
        if not takes_part(twin.link):
            left[twin.link.asset] = last_drain_of(runtime, lambda: ends_at - time.monotonic()).flush(twin.link).left
    given_up = {asset: number for asset, number in left.items() if number}

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        pairs = [(twin, _noted(twin, given_up, runtime.now())) for twin in twins.values()]
        return Edit(replace(record, last_readings_due=False), pairs)

    change_site(site, of_call(call, rule), runtime)
    if given_up:
        runtime.logger.warning("readings given up", extra={"site": site, "half_hours": given_up})
        emit({Event.READINGS_GIVEN_UP.value: sum(given_up.values())}, runtime)


def _noted(twin: Twin, given_up: Mapping[str, int], now: datetime) -> Twin:
    number = given_up.get(twin.link.asset)
    if number is None:
        return twin
    text = f"Axle did not take {number} half-hours from before the end within five seconds. They are not sent any more."
    entry = Entry(now, Event.READINGS_GIVEN_UP, Reason.READINGS_GIVEN_UP, text, {"half_hours": number})
    return twin.tell(entry)
