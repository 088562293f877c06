"""The rate of calls to each provider, shared by all instances: one record each, moved on by conditional updates.

It holds instants in microseconds. ``free_us`` is when the next call may be made (the generic cell rate algorithm): each
call puts it off by the time between two calls, and a provider that asks for a pause puts it off by that pause. Calls
that cannot be made within a second or two get a turn in the queue of their class, which is a number like it:
``turn_0_us``, ``turn_1_us`` and so on say how far behind each class is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field

from driveway.store.records import Records

HORIZONS_US = (2_000_000, 1_600_000, 1_200_000, 1_100_000)
"""How far ahead the classes take calls, with the most urgent first: what another class leaves over, it still finds.

Each is longer than Lambda takes to fill a delivery, so that the calls between two deliveries are made, too.
"""

LAST = len(HORIZONS_US) - 1
"""The least urgent class."""

BELIEVED = timedelta(seconds=2)
"""How long an instance does not read again that a provider without a rate asked for no pause."""

MOST_TRIES = 4

TURNS_SHARE = 0.9
"""Turns are this much closer than calls, so that no call is left over where some command gave way."""


class Taken(Struct, frozen=True):
    """Calls that may be made: ``starts`` is when each (aware UTC). The others wait until ``free_at`` at least."""

    starts: tuple[datetime, ...]
    free_at: datetime


class Pacing(Struct):
    """The rates by provider, in calls a second; a provider without one is only paused.

    ``scale`` is how many seconds of the clock pass in a real second (more than one on a scaled clock).
    """

    records: Records
    per_s: Mapping[str, float]
    scale: float = 1.0
    _paused: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def take(self, provider: str, count: int, urgency: int, now: datetime) -> Taken:
        """Take up to ``count`` calls from ``now`` (aware UTC) on, for a class (0 is the most urgent)."""
        each_us = self._each_us(provider)
        if each_us == 0:
            return self._if_not_paused(provider, count, now)
        horizon_us = round(HORIZONS_US[urgency] * self.scale)
        wanted, now_us = min(count, max(1, horizon_us // each_us)), _us(now)
        free_us = now_us
        for _ in range(MOST_TRIES):
            most_us = now_us + horizon_us - (wanted - 1) * each_us
            start_us = self.records.advance(_key(provider), "free_us", wanted * each_us, least=now_us, most=most_us)
            if start_us is not None:
                starts = tuple(_at(start_us + number * each_us) for number in range(wanted))
                return Taken(starts, _at(start_us + wanted * each_us))
            free_us = self._free_us(provider)
            wanted = min(wanted, (now_us + horizon_us - free_us) // each_us + 1)
            if wanted < 1:
                break
        return Taken((), _at(max(free_us, now_us)))

    def next_call(self, provider: str, now: datetime, latest: datetime) -> datetime | None:
        """The next free call from ``now`` on (both aware UTC), taken; None if there is none until ``latest``."""
        each_us = self._each_us(provider)
        if each_us == 0:
            free_at = self._if_not_paused(provider, 1, now).free_at
            return max(free_at, now) if free_at <= latest else None
        start_us = self.records.advance(_key(provider), "free_us", each_us, least=_us(now), most=_us(latest))
        return None if start_us is None else _at(start_us)

    def turns(self, provider: str, count: int, urgency: int, after: datetime) -> list[datetime]:
        """The turns (aware UTC) of calls that wait, in the queue of their class, none before ``after``.

        Those of the last class come after the turns that the class before it has been given.
        """
        each_us = self._each_us(provider)
        if each_us == 0 or count == 0:
            return [after] * count
        each_us = max(1, round(each_us * TURNS_SHARE))
        amount, least = count * each_us, _us(after)
        if urgency == LAST:
            least = max(least, int((self.records.get(_key(provider)) or {}).get(f"turn_{LAST - 1}_us", 0)))
        start_us = self.records.advance(_key(provider), f"turn_{urgency}_us", amount, least=least, most=None)
        return [_at((start_us or least) + number * each_us) for number in range(count)]

    def has_rate(self, provider: str) -> bool:
        """Whether the provider has a rate."""
        return self._each_us(provider) > 0

    def give_back(self, provider: str, calls: int) -> None:
        """Take calls off the count that were not made."""
        if calls and (each_us := self._each_us(provider)):
            self.records.add(_key(provider), "free_us", -calls * each_us)

    def pause(self, provider: str, until: datetime) -> None:
        """Make no call before ``until`` (aware UTC): the provider asked for it."""
        self.records.put_below(_key(provider), "free_us", _us(until), most=_us(until))
        self._paused.pop(provider, None)

    def _if_not_paused(self, provider: str, count: int, now: datetime) -> Taken:
        read_at, free_at = self._paused.get(provider, (now - BELIEVED, now))
        if now - read_at >= BELIEVED * self.scale or read_at > now:
            free_at = _at(self._free_us(provider))
            self._paused[provider] = (now, free_at)
        return Taken((), free_at) if free_at > now else Taken((now,) * count, now)

    def _free_us(self, provider: str) -> int:
        return int((self.records.get(_key(provider)) or {}).get("free_us", 0))

    def _each_us(self, provider: str) -> int:
        per_s = self.per_s.get(provider, 0.0)
        return round(1_000_000 * self.scale / per_s) if per_s > 0 else 0


def _key(provider: str) -> str:
    return f"PACE#{provider}"


def _us(instant: datetime) -> int:
    return (instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _at(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
