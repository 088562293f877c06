"""The state of an asset that an app can show as its banner, and the conditions that are not met. Pure."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from driveway.domain.axle_sync.differences import wanted_intent
from driveway.domain.control.desired import Desired
from driveway.domain.control.obstacles import follows
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason


class Lifecycle(StrEnum):
    """The states. They are part of the HTTP API: add, never rename."""

    LEAVING = "leaving"
    NOT_ENROLLED = "not_enrolled"
    SWITCHED_OFF = "switched_off"
    NEEDS_CAR_CONNECTION = "needs_car_connection"
    SNOOZED = "snoozed"
    NEEDS_ATTENTION = "needs_attention"
    HOME_UNKNOWN = "home_unknown"
    CHARGING_NOW = "charging_now"
    DRIVER_DECIDES = "driver_decides"
    SMART_CHARGING = "smart_charging"
    ONBOARDING = "onboarding"
    READY = "ready"


SENTENCES: dict[Lifecycle, str] = {
    Lifecycle.LEAVING: "The car is being released, and then it is removed here.",
    Lifecycle.NOT_ENROLLED: "Smart charging is off: the site opted out. The car charges as it likes.",
    Lifecycle.SWITCHED_OFF: "Smart charging is switched off for everybody. The car charges as it likes.",
    Lifecycle.NEEDS_CAR_CONNECTION: "The car is not connected. Connect it in the app.",
    Lifecycle.SNOOZED: "Smart charging is paused. The car charges as it likes.",
    Lifecycle.NEEDS_ATTENTION: "The car does not do what it is asked to. The conditions say what helps.",
    Lifecycle.HOME_UNKNOWN: "The car is plugged in, but nothing shows that it is at home.",
    Lifecycle.CHARGING_NOW: "The car charges at once, as its driver asked.",
    Lifecycle.DRIVER_DECIDES: "Charging was started or stopped outside the plan, so the car is left as it is.",
    Lifecycle.SMART_CHARGING: "The car is plugged in at home and follows its plan.",
    Lifecycle.ONBOARDING: "Smart charging is being set up. Until then the car charges in the off-peak times.",
    Lifecycle.READY: "All is set up. Smart charging begins when the car is plugged in at home.",
}


class Condition(StrEnum):
    """What must hold so that a car is charged by its plan. They are part of the HTTP API: add, never rename."""

    ENROLLED = "enrolled"
    CAR_LINKED = "car_linked"
    ACCOUNT_CONNECTED = "account_connected"
    NOT_SNOOZED = "not_snoozed"
    CAR_FOLLOWS = "car_follows"
    CAR_REACHABLE = "car_reachable"
    HOME_KNOWN = "home_known"
    AT_HOME = "at_home"
    KNOWN_TO_AXLE = "known_to_axle"
    PLUGGED_IN = "plugged_in"
    NOT_STOPPED_IN_CAR = "not_stopped_in_car"


ADVICE: dict[Condition, str] = {
    Condition.ENROLLED: "Join smart charging in the app.",
    Condition.CAR_LINKED: "Link your car in the app.",
    Condition.ACCOUNT_CONNECTED: "Connect the car maker's account again in the app.",
    Condition.NOT_SNOOZED: "End the pause in the app, or wait until it is over.",
    Condition.CAR_FOLLOWS: "Start the car in its own app, or unplug it and plug it in again. Check its timers.",
    Condition.CAR_REACHABLE: "Park the car where it has reception, or wake it in its own app.",
    Condition.HOME_KNOWN: "Let the car share its location, or set your home in the app.",
    Condition.AT_HOME: "Drive home: elsewhere the car is left alone.",
    Condition.KNOWN_TO_AXLE: "Wait a few minutes. If it takes longer, check your tariff and your needs in the app.",
    Condition.PLUGGED_IN: "Plug the car in.",
    Condition.NOT_STOPPED_IN_CAR: "Charging was stopped in the car. To charge at once, choose charge now.",
}
"""What the driver can do where a condition is not met."""


class Banner(Struct, frozen=True):
    """The state of an asset and the conditions that are not met, the one that matters first in front."""

    state: Lifecycle
    unmet: tuple[Condition, ...]

    @property
    def text(self) -> str:
        """The state in a sentence."""
        return SENTENCES[self.state]


def banner(twin: Twin, want: Desired, now: datetime) -> Banner:
    """The banner of an asset at ``now`` (aware UTC); ``want`` is what its car should do then."""
    unmet = tuple(_unmet(twin, want, now))
    return Banner(_state(twin, want, unmet), unmet)


def _unmet(twin: Twin, want: Desired, now: datetime) -> Iterator[Condition]:
    link, presence = twin.link, twin.presence
    snoozed = link.snoozed_until is not None and now < link.snoozed_until
    out_of_reach = presence.reachable is not None and not presence.reachable.value
    is_unmet = {
        Condition.ENROLLED: not link.enrolled or link.leaving,
        Condition.CAR_LINKED: link.vehicle is None,
        Condition.ACCOUNT_CONNECTED: presence.needs_user is not None,
        Condition.NOT_SNOOZED: snoozed,
        Condition.NOT_STOPPED_IN_CAR: want.reason is Reason.DRIVER_STOP_RESPECTED,
        Condition.CAR_FOLLOWS: presence.needs_user is None and not follows(twin, now),
        Condition.CAR_REACHABLE: out_of_reach,
        Condition.AT_HOME: want.reason is Reason.NOT_AT_HOME,
        Condition.HOME_KNOWN: want.reason in {Reason.HOME_UNKNOWN, Reason.HOME_IN_DOUBT},
        Condition.KNOWN_TO_AXLE: link.enrolled and not link.leaving and not _is_known_to_axle(twin, now),
        Condition.PLUGGED_IN: presence.plugged_in is None or not presence.plugged_in.value,
    }
    return (condition for condition, unmet in is_unmet.items() if unmet)


def _is_known_to_axle(twin: Twin, now: datetime) -> bool:
    """Whether Axle ever acknowledged what it plans with: the tariff, and the intent if there is one."""
    axle = twin.axle
    return axle.tariff is not None and (axle.intent is not None or wanted_intent(twin, now) is None)


_BY_REASON: dict[Reason, Lifecycle] = {
    Reason.NOT_ENROLLED: Lifecycle.NOT_ENROLLED,
    Reason.RELEASED_BY_OPERATOR: Lifecycle.SWITCHED_OFF,
    Reason.SNOOZED: Lifecycle.SNOOZED,
    Reason.NO_VEHICLE_LINKED: Lifecycle.NEEDS_CAR_CONNECTION,
    Reason.PROVIDER_NEEDS_USER: Lifecycle.NEEDS_CAR_CONNECTION,
    Reason.HOME_UNKNOWN: Lifecycle.HOME_UNKNOWN,
    Reason.HOME_IN_DOUBT: Lifecycle.HOME_UNKNOWN,
    Reason.CHARGE_NOW: Lifecycle.CHARGING_NOW,
    Reason.DRIVER_STOP_RESPECTED: Lifecycle.DRIVER_DECIDES,
    Reason.THIRD_PARTY_INTERFERENCE: Lifecycle.DRIVER_DECIDES,
}


def _state(twin: Twin, want: Desired, unmet: tuple[Condition, ...]) -> Lifecycle:
    if twin.link.leaving:
        return Lifecycle.LEAVING
    if want.reason in {Reason.NOT_PLUGGED_IN, Reason.PLUG_UNKNOWN, Reason.NOT_AT_HOME}:
        if Condition.ACCOUNT_CONNECTED in unmet or Condition.CAR_LINKED in unmet:
            return Lifecycle.NEEDS_CAR_CONNECTION
        return Lifecycle.ONBOARDING if Condition.KNOWN_TO_AXLE in unmet else Lifecycle.READY
    if Condition.CAR_FOLLOWS in unmet and want.reason not in _BY_REASON:
        return Lifecycle.NEEDS_ATTENTION
    return _BY_REASON.get(want.reason, Lifecycle.SMART_CHARGING)
