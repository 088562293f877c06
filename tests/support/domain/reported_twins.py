"""Reports of twins to Axle: all of them, the next one with its answer lost, and a claim for them."""

from datetime import datetime

from driveway.domain.axle_sync.answers import acknowledged, claimed, put_off, refused
from driveway.domain.axle_sync.calls import AxleCall
from driveway.domain.axle_sync.differences import next_call
from driveway.domain.twin import Twin
from tests.support.domain.twins import NOW, minutes


def reported(twin: Twin, now: datetime = NOW, *, refuse: tuple[str, ...] = ()) -> tuple[Twin, list[AxleCall]]:
    """The twin after all reports to Axle, and their calls; calls of the kinds in ``refuse`` are refused."""
    calls: list[AxleCall] = []
    while (call := next_call(twin, now)) is not None:
        calls.append(call)
        assert len(calls) < 20
        if call.kind in refuse:
            twin = refused(twin, call, status=400, detail=f"no {call.kind}", now=now)
        else:
            twin = acknowledged(twin, call, now)
    return twin, calls


def kinds(twin: Twin, now: datetime = NOW, *, refuse: tuple[str, ...] = ()) -> list[str]:
    return [call.kind for call in reported(twin, now, refuse=refuse)[1]]


def settled(twin: Twin, now: datetime = NOW) -> Twin:
    return reported(twin, now)[0]


def lost(twin: Twin, now: datetime = NOW) -> Twin:
    """The twin once its next call was made and never answered."""
    call = next_call(twin, now)
    assert call is not None
    return put_off(twin, "timed out", now=now, wait_s=None, spread=0, unanswered=call)


def claim(twin: Twin, now: datetime, name: str) -> Twin:
    return claimed(twin, now, id=name, until=now + minutes(2))
