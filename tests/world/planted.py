"""Seven more faults that a hand could make, each planted by a patch: what the judge and the seeds have to notice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from driveway.auth.claimed_token import ClaimedToken
from driveway.domain.control import command_dispatch, required_command
from driveway.domain.control.desired import Desired, desired_in
from driveway.domain.presence import plug
from driveway.domain.reports.apply_observations import samples_to_record
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Control, Twin
from driveway.observations import metering_intake
from driveway.store import sites
from driveway.values import replace


@contextmanager
def an_hour_late() -> Iterator[None]:
    """Charge control starts a car an hour after it may charge."""

    def late(twin: Twin, at: datetime, schedule: ScheduleWindow) -> Desired:
        wanted = desired_in(twin, at, schedule)
        if wanted.want != "charge" or wanted.source == "charge_now":
            return wanted
        before = at - timedelta(hours=1)
        earlier = desired_in(twin, before, ScheduleWindow(twin, before))
        return wanted if earlier.want == "charge" else replace(wanted, want="hold", limit_kw=0.0)

    with patch.object(required_command, "desired_in", late):
        yield


@contextmanager
def no_debounce() -> Iterator[None]:
    """A reported plug-out counts at once."""
    with patch.object(plug, "seconds", lambda count: timedelta()):
        yield


@contextmanager
def budget_not_counted() -> Iterator[None]:
    """A command is not counted."""

    def uncounted(control: Control, requests: int, now: datetime) -> Control:
        return control

    with patch.object(command_dispatch, "with_command_counted", uncounted):
        yield


@contextmanager
def late_sample_dropped() -> Iterator[None]:
    """A sample that is older than the newest one is not recorded."""

    def only_new(twin: Twin, observations: Any, *given: Any) -> Any:
        newest = max((one.at for one in (twin.presence.charging, twin.presence.plugged_in) if one), default=None)
        kept = [one for one in observations if newest is None or one.at >= newest]
        return samples_to_record(twin, kept, *given)

    with patch.object(metering_intake, "samples_to_record", only_new):
        yield


@contextmanager
def alias_not_conditional() -> Iterator[None]:
    """A car that is another asset's is taken from it."""
    with patch.object(sites, "_free_or_of", lambda asset: {}):
        yield


@contextmanager
def release_forgotten() -> Iterator[None]:
    """A car that leaves is not released."""
    with patch.object(required_command, "release_is_due", lambda *given, **named: False):
        yield


@contextmanager
def token_refreshed_twice() -> Iterator[None]:
    """A refresh token is used although another instance uses it."""

    with patch.object(ClaimedToken, "_is_claimed", lambda self, record: False):
        yield


PLANTED: Mapping[str, Callable[[], AbstractContextManager[None]]] = {
    "starts an hour late": an_hour_late,
    "no debounce": no_debounce,
    "budget not counted": budget_not_counted,
    "late sample dropped": late_sample_dropped,
    "alias not conditional": alias_not_conditional,
    "release forgotten": release_forgotten,
    "token refreshed twice": token_refreshed_twice,
}

SHOWN_BY: Mapping[str, Sequence[int]] = {
    "starts an hour late": (1,),
    "no debounce": (1,),
    "budget not counted": (1,),
    "late sample dropped": (),
    "alias not conditional": (),
    "release forgotten": (),
    "token refreshed twice": (),
}
"""The nights in which each is noticed; empty: the usual ones are tried."""
