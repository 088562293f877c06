"""What every car maker's module gives: webhooks turned into observations, commands turned into outcomes."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct, field

from driveway.auth.token_source import TokenSource
from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.provider_budget import RequestKind
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Vehicle, Window
from driveway.domain.vehicle_report import VehicleReport
from driveway.values import replace

if TYPE_CHECKING:
    import requests


class WebhookRequest(Struct, frozen=True):
    """A webhook as it arrived. ``body`` are the raw bytes; header names are lower case.

    ``replay_window_s`` is how far a signed time may be from ``received_at``.
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    replay_window_s: float = 300.0


class VehicleEvent(Struct, frozen=True):
    """One event about one car. ``dedupe_key`` is the same for every delivery of the same event.

    ``needs_user`` says what only the driver can put right, ``reconnected`` that it was put right. ``vendor`` is the
    make as the provider names it: of the car, or of the account where the event names no car. ``discovered_at`` is
    when the vehicle was new at the provider (aware UTC).
    """

    vehicle_id: str
    dedupe_key: str
    observations: tuple[Observation, ...] = ()
    command_ref: str | None = None
    command_outcome: Outcome | None = None
    needs_user: str | None = None
    reconnected: bool = False
    vendor: str | None = None
    deleted: bool = False
    user_id: str | None = None
    test: bool = False
    discovered_at: datetime | None = None

    @property
    def report(self) -> VehicleReport:
        """What the event says of the car."""
        return VehicleReport(
            self.observations,
            self.command_ref,
            self.command_outcome,
            self.needs_user,
            deleted=self.deleted,
            reconnected=self.reconnected,
            vendor=self.vendor,
            names_car=bool(self.vehicle_id),
        )

    @property
    def says_nothing(self) -> bool:
        """Whether nothing in the event is used: all its signals were errors, for example."""
        return replace(self.report, vendor=None, names_car=True) == VehicleReport()


class Inbound(Struct, frozen=True):
    """What a webhook request held: events to store, what was dropped and why, and the body to answer with.

    ``unused`` is how many of the dropped are of a kind that we do not use; the others could not be read.
    """

    events: tuple[VehicleEvent, ...] = ()
    dropped: tuple[str, ...] = ()
    unused: int = 0
    reply: Mapping[str, Any] = field(default_factory=dict)


class WebhookError(Exception):
    """The request is the provider's and not readable: answer 400 with this text."""


class Webhooks(Protocol):
    """The inbound half of a provider."""

    def receive(self, request: WebhookRequest, secrets: Sequence[str]) -> Inbound:
        """The events in a request whose signature fits one of the secrets (two while rotating).

        Raises:
            SignatureError: no secret fits, or the signed time is outside the replay window.
            WebhookError: the body cannot be read at all. A single bad event in a batch is only dropped.
        """
        ...


def _spend_freely(_kind: RequestKind) -> HeldBack | None:
    return None


class Call(Struct, frozen=True):
    """What a provider's outbound half works with: where, with which HTTP session and token, at what time.

    ``wait`` blocks for some seconds of the clock that ``now`` is of. ``spend`` counts a request that is about to be
    made, or answers why it must not be made; ``answered`` gets the HTTP status of each answer.
    """

    base_url: str
    http: "requests.Session"
    tokens: TokenSource
    now: datetime
    extra: Mapping[str, str] = field(default_factory=dict)
    wait: Callable[[float], None] = time.sleep
    spend: Callable[[RequestKind], HeldBack | None] = _spend_freely
    answered: Callable[[int], None] = lambda _status: None


class Commands(Protocol):
    """The outbound half of a provider. Every method answers with an Outcome; none raises for an HTTP failure."""

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        """Charge now, at most at ``limit_kw`` where a command of the provider holds a limit (None: no limit)."""
        ...

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Stop charging and stay plugged in."""
        ...

    def read_state(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Ask for the car's present state: its observations are in the outcome."""
        ...

    def cancel(self, call: Call, vehicle: Vehicle, provider_ref: str) -> Outcome:
        """Cancel a command that may still be under way at the provider; UNSUPPORTED where it cannot be cancelled."""
        ...

    def wake(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Wake a sleeping car; UNSUPPORTED where the provider cannot."""
        ...

    def install_default(self, call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
        """Keep these daily charging windows in the car or charger itself, so that it charges without us."""
        ...

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Remove what ``install_default`` left there."""
        ...


@runtime_checkable
class SetsCurrent(Commands, Protocol):
    """The outbound half of a provider whose cars keep the charging current that was set last.

    Its ``look`` gives that current. It limits such a car, and stays after the session.
    """

    def limit_amps(self, call: Call, limit_kw: float) -> int:
        """The whole amperes per phase that stay within ``limit_kw``, but no less than the car's minimum."""
        ...

    def set_current(self, call: Call, vehicle: Vehicle, amps: int) -> Outcome:
        """Set the charging current (A per phase)."""
        ...
