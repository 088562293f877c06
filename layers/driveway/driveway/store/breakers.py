"""Breakers shared by all instances of all functions, one versioned record each."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from driveway.domain.control.breaker import Breaker, BreakerRules, Permit, allow, failed, succeeded, unused

MOST_TRIES = 6


class VersionedRecords(Protocol):
    """What breakers are kept in: ``store.records.Records``."""

    def get(self, key: str) -> dict[str, Any] | None:
        """The record, read consistently, or None."""
        ...

    def put_if(self, key: str, new: dict[str, Any], expected_version: int) -> bool:
        """Replace the record if its ``version`` is still the expected one (0: there is none); else False."""
        ...


class _Known(Struct, frozen=True):
    breaker: Breaker
    version: int
    read_at: datetime


class Breakers(Struct):
    """The breakers by key (``axle``, ``enode``, ...).

    A breaker that was found closed is believed for ``believed``: a healthy service costs one small read per instance
    and that time, and no write. In return an instance may go on calling for so long after others opened the breaker,
    which adds at most its own calls within that time.

    Attributes:
        believed: how long a closed breaker is not read again.
        rng: spreads the pauses.
    """

    records: VersionedRecords
    rules: BreakerRules = field(default_factory=BreakerRules)
    believed: timedelta = timedelta(seconds=3)
    rng: Random = field(default_factory=SystemRandom)
    _known: dict[str, _Known] = field(default_factory=dict)

    def allow(self, key: str, now: datetime) -> Permit:
        """Whether the service may be called now; a permit must be answered for with one of the other methods."""
        known = self._known.get(key)
        if known is not None and known.breaker.state == "closed" and now - known.read_at < self.believed:
            return Permit(True)
        for _ in range(MOST_TRIES):
            known = self._read(key, now)
            after, permit = allow(known.breaker, now, self.rules)
            if after == known.breaker or self._write(key, known, after):
                return permit
        return Permit(False, until=now + self.rules.first_pause)

    def not_closed(self, keys: Iterable[str], now: datetime) -> list[str]:
        """Those of the services whose breaker is open or being probed; each is read from the table."""
        return [key for key in keys if self._read(key, now).breaker.state != "closed"]

    def comeback(self, until: datetime | None, now: datetime) -> datetime:
        """When to ask again after ``until`` (aware UTC; None: now): spread, so that not everybody comes at once."""
        return max(now, until or now) + self.rules.drain * self.rng.random()

    def succeeded(self, key: str, permit: Permit, now: datetime) -> None:
        """Note that the service answered. Costs nothing while it is healthy."""
        known = self._known.get(key)
        if permit.probe is None and known is not None and known.breaker == Breaker(probe=known.breaker.probe):
            return
        self._change(key, now, lambda breaker: succeeded(breaker, permit, now, self.rules))

    def failed(self, key: str, permit: Permit, now: datetime, *, wait_s: float | None = None) -> None:
        """Note that the service did not answer; ``wait_s`` is how long it asked to be left alone."""
        spread = self.rng.random()
        self._change(key, now, lambda breaker: failed(breaker, permit, now, self.rules, spread=spread, wait_s=wait_s))

    def unused(self, key: str, permit: Permit, now: datetime) -> None:
        """Note that the permitted call was not made after all."""
        if permit.probe is not None:
            self._change(key, now, lambda breaker: unused(breaker, permit, now))

    def _change(self, key: str, now: datetime, rule: Callable[[Breaker], Breaker]) -> None:
        for _ in range(MOST_TRIES):
            known = self._read(key, now)
            after = rule(known.breaker)
            if after == known.breaker or self._write(key, known, after):
                return
        # One answer among so many at the same moment may go uncounted.

    def _read(self, key: str, now: datetime) -> _Known:
        record = self.records.get(f"BREAKER#{key}") or {}
        known = _Known(msgspec.convert(record, Breaker), int(record.get("version", 0)), now)
        self._known[key] = known
        return known

    def _write(self, key: str, known: _Known, after: Breaker) -> bool:
        version = known.version + 1
        record = msgspec.to_builtins(after) | {"version": version}
        written = self.records.put_if(f"BREAKER#{key}", record, known.version)
        if written:
            self._known[key] = _Known(after, version, known.read_at)
        return written
