"""What was commanded and what protects the car."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

CommandState = Literal["planned", "sent", "confirmed", "failed", "superseded", "expired"]

CommandAction = Literal["start", "stop", "install_default", "remove_default", "restore_current"]


class StandingLimit(Struct, frozen=True):
    """A limit of ours that stands, or may stand, in the car or charger. It is written before the call that sets it.

    Attributes:
        limit_kw: the limit of the latest command with one.
        since: when that command was sent (aware UTC).
        driver_amps: the charging current that the driver had chosen in the car; None until it is read.
        our_amps: the currents that we set or tried to set in the car: any of them may be in force. Empty: none was.
    """

    limit_kw: float
    since: datetime
    driver_amps: int | None = None
    our_amps: tuple[int, ...] = ()


Trial = Literal["unplugged", "account", "full"]
"""Why a command is only tried.

``unplugged``: the car is reported unplugged, but our own stop may be behind that. ``account``: its account is out of
order, but may have come back without a report. ``full``: its battery was full, but its charge limit may have changed.
"""


class OutcomeKind(StrEnum):
    """The outcomes that every provider's answer maps to. NOT_PLUGGED_IN confirms a plug-out.

    NEEDS_OPERATOR is a fault of this deployment, such as a wrong base URL, that no driver can put right.
    """

    ACCEPTED = "ACCEPTED"
    CONFIRMED = "CONFIRMED"
    ALREADY_IN_STATE = "ALREADY_IN_STATE"
    RETRYABLE = "RETRYABLE"
    NEEDS_USER = "NEEDS_USER"
    UNSUPPORTED = "UNSUPPORTED"
    FAILED = "FAILED"
    NOT_PLUGGED_IN = "NOT_PLUGGED_IN"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"


class FormerSchedule(Struct, frozen=True):
    """The schedule (in short) that was in the car or charger before the first change of it in a session.

    A charger may apply a new default profile to its next transaction only (OCPP 1.6, 3.13.1).
    """

    session_id: str
    schedule: str


class UnaskedStops(Struct, frozen=True):
    """Stops of a session that we did not cause while the car should charge.

    Attributes:
        charging_since: when the car was first seen charging, while it does and should. While a stop is respected: when
            the schedule that it keeps for us started it.
        stopped_at: when it stopped, until it charges again.
        with_plug_out: whether a plug-out was reported with that stop.
        undone: how often we started it again after such a stop.
        respected_at: when the car began to be left as it is; None while stops are undone.
        intent: the intent that was in force then, in short.
        wanted: when the car should have charged from then on, by the schedule (aware UTC).
    """

    session_id: str
    charging_since: datetime | None = None
    stopped_at: datetime | None = None
    with_plug_out: bool = False
    undone: int = 0
    respected_at: datetime | None = None
    intent: str | None = None
    wanted: tuple[tuple[datetime, datetime], ...] = ()


class Command(Struct, frozen=True):
    """One instruction to the car. ``limit_kw`` None means no limit; every open state has a time that leaves it.

    Attributes:
        reason: why it was planned (a Reason).
        not_before: when it may be sent; at an edge this is the edge itself.
        expires_at: when it is not worth sending any more.
        confirm_by: when an open command that shows no effect is tried again or given up.
        sent_by: the id of the call that claimed it last, in order to send it.
        first_sent_at, attempts: when it was sent first, and how often it has been sent.
        release: it lets the car charge, because Driveway stops controlling it.
        already_in_state_when_sent: the car showed the wanted state when it was sent.
        outcome: the provider's last answer; ``detail`` has its own text.
        schedule: for ``install_default``, the schedule to install, in short.
        may_have_been_obeyed: an earlier attempt was not clearly refused.
        paired: it was acknowledged and is counted as a stop of its session.
        provider_retry_at: until when it was last put off, for the reason ``put_off_for``.
        requests: how many requests to the provider were counted for it when it was claimed.
        trial: why the command is only tried; None for an ordinary command.
        until_seen: the car was out of reach, so it is sent again once the car is seen.
    """

    id: str
    action: CommandAction
    reason: str
    state: CommandState
    planned_at: datetime
    not_before: datetime
    expires_at: datetime
    limit_kw: float | None = None
    edge_at: datetime | None = None
    sent_at: datetime | None = None
    sent_by: str | None = None
    confirm_by: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    provider_ref: str | None = None
    outcome: OutcomeKind | None = None
    detail: str | None = None
    release: bool = False
    already_in_state_when_sent: bool = False
    schedule: str | None = None
    paired: bool = False
    provider_retry_at: datetime | None = None
    put_off_for: str = "PROVIDER_BREAKER_OPEN"
    requests: int = 0
    first_sent_at: datetime | None = None
    may_have_been_obeyed: bool = False
    trial: Trial | None = None
    until_seen: bool = False

    @property
    def waits_for_provider(self) -> bool:
        """Whether it is put off because its provider takes no request now, and not announced again yet."""
        return self.provider_retry_at is not None and self.confirm_by == self.provider_retry_at


class LateStop(Struct, frozen=True):
    """A stop that was sent, and replaced before its provider answered. It may reach the car after the next command.

    ``until``: when the function that sent it has surely ended (aware UTC).
    """

    id: str
    until: datetime


class VehicleRequest(Struct, frozen=True):
    """A request to the provider that does not command the car. Repeating one does no harm.

    ``look`` is a state read; ``cancel`` cancels the command that the provider knows as
    ``provider_ref``. Without an answer it is sent again at ``retry_at``.
    """

    id: str
    kind: Literal["look", "cancel"]
    planned_at: datetime
    retry_at: datetime
    attempts: int = 1
    provider_ref: str | None = None


class Control(Struct, frozen=True):
    """What was commanded and what protects the car. Written by ``charge_control`` and ``vehicle_commands``.

    Attributes:
        failures: commands that were given up in a row; ``breaker_until`` is when the vehicle is tried again.
        out_of_reach: the car could not be reached at some time since it was left alone until then.
        budget_day: the UTC day that ``commands_today`` and ``wakes_today`` count for.
        budget_reported_on: the UTC day for which the app was informed that they are used up.
        budget_month: the UTC month that ``requests_this_month``, the requests about the car, count for.
        pairs: stops that were acknowledged or seen to work in the session ``pairs_session_id``.
        last_start_at, last_stop_at: when we last sent each.
        last_acknowledged_action: the last of them that the provider acknowledged, at ``last_acknowledged_at``.
        last_limit_kw: the limit of the last start that was acknowledged, or of a later one that may have set it.
        late_stop: a stop that may still reach the car although another command replaced it.
        unasked_stops: stops of the latest session that we did not cause.
        released_by_operator_at: when the operator's switch released the car; None while it is controlled.
        operator_switched_at: when the operator set the switch that released the car last, or took it up again.
        standing_limit: a limit of ours that stands, or may stand, in the car or charger.
        last_start_confirmed_at: when a start of ours was last seen to work.
        restarts: how often in a row the car was started again because it had stopped by itself.
        hold_observed_session: the session in which the car was seen not charging while it should hold.
        interference: the session in which somebody else started the car, noticed at ``interference_at``.
        at_risk_for: the departure that the app was warned about last; ``at_risk_kwh`` is the shortfall of that warning
            while it stands.
        default_schedule: what is installed in the car or charger itself, in short.
        installed_schedule_unknown: a change of it was sent without a clear answer, so ours may be there or not.
        former_schedule: what it may still follow until the session ends.
        schedule_command: the command that installs or removes it, apart from the commands to charge.
        request: the request to the provider under way that does not command the car.
        looked_at: when the car's state was last read because nothing was known of it, or nothing new.
        charging_unknown_reported: the app was informed that nothing reports whether the car charges.
        plug_unknown_reported: the app was informed that nothing reports whether the car is plugged in.
        release_since: when the release that is not done yet was first planned; ``release_given_up_at`` is when its
            trials ended without effect.
        account_tried_at: when a command was last planned although the account is out of order.
        cancelled_ref: the provider's name of the last command that we asked it to cancel.
        tried_stop_at: the ``last_stop_at`` for which a trial start has reached the provider, or has become pointless.
        unanswered_since: since when the provider has not answered a trial start; None while it answers.
        unanswered_s: for how many seconds before that, since ``last_stop_at``, it did not answer.
    """

    command: Command | None = None
    failures: int = 0
    breaker_until: datetime | None = None
    out_of_reach: bool = False
    budget_day: str | None = None
    budget_reported_on: str | None = None
    commands_today: int = 0
    wakes_today: int = 0
    budget_month: str | None = None
    requests_this_month: int = 0
    pairs_session_id: str | None = None
    pairs: int = 0
    last_start_at: datetime | None = None
    last_limit_kw: float | None = None
    last_stop_at: datetime | None = None
    interference: str | None = None
    interference_at: datetime | None = None
    at_risk_for: datetime | None = None
    at_risk_kwh: float = 0.0
    default_schedule: str | None = None
    installed_schedule_unknown: bool = False
    last_acknowledged_action: CommandAction | None = None
    last_acknowledged_at: datetime | None = None
    last_start_confirmed_at: datetime | None = None
    restarts: int = 0
    hold_observed_session: str | None = None
    schedule_command: Command | None = None
    tried_stop_at: datetime | None = None
    unanswered_since: datetime | None = None
    unanswered_s: float = 0.0
    request: VehicleRequest | None = None
    looked_at: datetime | None = None
    cancelled_ref: str | None = None
    account_tried_at: datetime | None = None
    charging_unknown_reported: bool = False
    plug_unknown_reported: bool = False
    release_since: datetime | None = None
    release_given_up_at: datetime | None = None
    standing_limit: StandingLimit | None = None
    released_by_operator_at: datetime | None = None
    operator_switched_at: datetime | None = None
    unasked_stops: UnaskedStops | None = None
    late_stop: LateStop | None = None
    former_schedule: FormerSchedule | None = None
