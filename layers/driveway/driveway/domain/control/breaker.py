"""A circuit breaker for a whole service: an outage costs one probe per pause, not a call per asset. Pure.

A closed breaker allows every call; ``failures_to_open`` failures in a row open it. An open breaker allows no call until
its pause is over. Then it is half-open and allows one call at a time as a probe: ``probes_to_close`` successes in a row
close it, and a failure opens it again for twice as long.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from driveway.values import replace

BreakerState = Literal["closed", "open", "half_open"]


class BreakerRules(Struct, frozen=True):
    """When a breaker opens, for how long, and what closes it.

    Attributes:
        failures_to_open: this many failures in a row open it; a success in between resets the count.
        failures_apart: failures farther apart than this are not in a row.
        first_pause, longest_pause: the pause doubles from one to the other; half of it is random.
        probe_lease: after this time a probe without an answer is given up, and another call may be the probe.
        probes_to_close: this many probes in a row must succeed.
        drain: the refused callers come back spread over this time, counted from the end of the pause.
    """

    failures_to_open: int = 5
    failures_apart: timedelta = timedelta(seconds=120)
    first_pause: timedelta = timedelta(seconds=10)
    longest_pause: timedelta = timedelta(seconds=120)
    probe_lease: timedelta = timedelta(seconds=120)
    probes_to_close: int = 3
    drain: timedelta = timedelta(seconds=60)


class Breaker(Struct, frozen=True):
    """The state of the breaker of one service.

    Attributes:
        failures: failures in a row while closed; ``failed_at`` is when the latest came.
        openings: how often in a row it opened; the length of the pause depends on it.
        until: when the next call may be a probe, while not closed.
        probe: the number of the latest probe; ``passed`` probes in a row have succeeded.
        probing: a probe is under way.
    """

    state: BreakerState = "closed"
    failures: int = 0
    failed_at: datetime | None = None
    openings: int = 0
    until: datetime | None = None
    probe: int = 0
    probing: bool = False
    passed: int = 0


class Permit(Struct, frozen=True):
    """Whether a call may be made: at once, as the probe of that number, or not before ``until``."""

    granted: bool
    probe: int | None = None
    until: datetime | None = None


def allow(breaker: Breaker, now: datetime, rules: BreakerRules) -> tuple[Breaker, Permit]:
    """Whether a call may be made at ``now``, and the breaker after that; it changes only if the call is a probe."""
    if breaker.state == "closed":
        return breaker, Permit(True)
    if breaker.until is not None and now < breaker.until:
        soon = now + rules.first_pause if breaker.probing else breaker.until
        return breaker, Permit(False, until=min(soon, breaker.until))
    number = breaker.probe + 1
    probing = replace(breaker, state="half_open", probe=number, probing=True, until=now + rules.probe_lease)
    return probing, Permit(True, probe=number)


def succeeded(breaker: Breaker, permit: Permit, now: datetime, rules: BreakerRules) -> Breaker:
    """The breaker once the service answered a permitted call. A refusal counts too: it shows that the service works."""
    if breaker.state == "closed":
        return breaker if breaker.failures == 0 else Breaker(probe=breaker.probe)
    if not _is_its_probe(breaker, permit):
        return breaker
    if breaker.passed + 1 >= rules.probes_to_close:
        return Breaker(probe=breaker.probe)
    return replace(breaker, probing=False, passed=breaker.passed + 1, until=now)


def failed(
    breaker: Breaker,
    permit: Permit,
    now: datetime,
    rules: BreakerRules,
    *,
    spread: float,
    wait_s: float | None = None,
) -> Breaker:
    """The breaker once a permitted call had no answer (timeout, connection, 5xx, 429).

    Args:
        spread: a random number, evenly in [0, 1), for the length of the pause.
        wait_s: the pause that the service asked for; it is limited to the longest pause.
    """
    if breaker.state == "closed":
        in_a_row = breaker.failed_at is not None and now - breaker.failed_at <= rules.failures_apart
        failures = breaker.failures + 1 if in_a_row else 1
        counted = replace(breaker, failures=failures, failed_at=now)
        return counted if failures < rules.failures_to_open else _opened(counted, now, rules, spread, wait_s)
    return _opened(breaker, now, rules, spread, wait_s) if _is_its_probe(breaker, permit) else breaker


def unused(breaker: Breaker, permit: Permit, now: datetime) -> Breaker:
    """The breaker once the permitted call turned out to be unnecessary: another caller may probe."""
    return replace(breaker, probing=False, until=now) if _is_its_probe(breaker, permit) else breaker


def _is_its_probe(breaker: Breaker, permit: Permit) -> bool:
    # A call from before the breaker opened, or a probe that was given up, shows nothing about the present.
    return breaker.state == "half_open" and breaker.probing and permit.probe == breaker.probe


def _opened(breaker: Breaker, now: datetime, rules: BreakerRules, spread: float, wait_s: float | None) -> Breaker:
    whole = min(rules.longest_pause, rules.first_pause * 2 ** min(breaker.openings, 16))
    asked_s = min(rules.longest_pause.total_seconds(), wait_s or 0.0)
    pause = max(whole * (0.5 + 0.5 * spread), timedelta(seconds=asked_s))
    return Breaker(
        state="open", openings=breaker.openings + 1, until=now + pause, probe=breaker.probe, failed_at=breaker.failed_at
    )
