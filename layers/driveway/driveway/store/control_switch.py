"""The operator's switch for all control: one versioned record that every instance reads."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from driveway.store.breakers import VersionedRecords

KEY = "SWITCH#control"
MOST_TRIES = 6
EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Later than anything is due."""


class Switch(Struct, frozen=True):
    """Whether every car is released, and since when (aware UTC); None: it was never switched."""

    released: bool = False
    since: datetime | None = None


class SwitchConflictError(RuntimeError):
    """Others kept switching at the same moment; the call may be repeated."""


class ControlSwitch(Struct):
    """The switch. What was read is believed for ``believed``, so that it costs an instance a small read now and then.

    An instance that does not know yet may still send a command. The clock wakes charge control for every car again for
    some minutes, so that such a car is released, too. A twin keeps which switch it was changed by, so an instance that
    believes an older one changes nothing.
    """

    records: VersionedRecords
    believed: timedelta = timedelta(seconds=5)
    _known: tuple[Switch, datetime] | None = None

    def read(self, now: datetime) -> Switch:
        """The switch as it was a few seconds ago at most."""
        if self._known is not None and now - self._known[1] < self.believed:
            return self._known[0]
        record = self.records.get(KEY) or {}
        since = record.get("since")
        switch = Switch(bool(record.get("released", False)), datetime.fromisoformat(since) if since else None)
        self._known = (switch, now)
        return switch

    def put(self, now: datetime, *, released: bool) -> Switch:
        """Switch, later than ever before; the very same state again makes every car be looked at again.

        Raises:
            SwitchConflictError: others kept switching.
        """
        for _ in range(MOST_TRIES):
            before = self.records.get(KEY) or {}
            version, last = int(before.get("version", 0)), before.get("since")
            # Clocks of instances differ.
            since = max(now, datetime.fromisoformat(last) + timedelta(milliseconds=1)) if last else now
            record = {"released": released, "since": since.isoformat(), "version": version + 1}
            if self.records.put_if(KEY, record, version):
                switch = Switch(released, since)
                self._known = (switch, now)
                return switch
        raise SwitchConflictError(KEY)
