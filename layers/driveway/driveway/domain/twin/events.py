"""The events of the timeline and of the bus: each has a name and a sentence that says what happened."""

import hashlib
from datetime import datetime
from enum import StrEnum


class Event(StrEnum):
    """Event names. They are part of the HTTP API: add, never rename."""

    # Presence
    PLUGGED_IN = "PluggedIn"
    PLUGGED_OUT = "PluggedOut"
    PLUG_OUT_HELD = "PlugOutHeld"
    PLUG_OUT_CANCELLED = "PlugOutCancelled"
    CHARGING_STARTED = "ChargingStarted"
    CHARGING_STOPPED = "ChargingStopped"
    NO_SESSION = "NoSession"
    HOME_DOUBTED = "HomeDoubted"
    HOME_CONFIRMED = "HomeConfirmed"
    SESSION_COMPLETED = "SessionCompleted"
    SESSION_CORRECTED = "SessionCorrected"
    VEHICLE_NAMED = "VehicleNamed"

    # Commands
    COMMAND_PLANNED = "CommandPlanned"
    COMMAND_PUT_OFF = "CommandPutOff"
    COMMAND_SENT = "CommandSent"
    COMMAND_CONFIRMED = "CommandConfirmed"
    COMMAND_REFUSED = "CommandRefused"
    COMMAND_RETRIED = "CommandRetried"
    COMMAND_SUPERSEDED = "CommandSuperseded"
    COMMAND_EXPIRED = "CommandExpired"
    COMMAND_FAILED = "CommandFailed"
    DEFAULT_SCHEDULE = "DefaultSchedule"
    CHARGING_CURRENT = "ChargingCurrent"
    CONTROL_RELEASED = "ControlReleased"
    CONTROL_RESUMED = "ControlResumed"
    NEEDS_ATTENTION = "NeedsAttention"
    RECONNECTED = "Reconnected"
    VEHICLE_CONNECTED = "VehicleConnected"
    READY_BY_AT_RISK = "ReadyByAtRisk"
    READY_BY_SAFE = "ReadyBySafe"

    # Axle
    SCHEDULE_RECEIVED = "ScheduleReceived"
    SCHEDULE_CLEARED = "ScheduleCleared"
    AXLE_TOLD = "AxleTold"
    AXLE_UNAVAILABLE = "AxleUnavailable"
    AXLE_REFUSED = "AxleRefused"
    READINGS_GIVEN_UP = "ReadingsGivenUp"

    # The driver and the app
    ONBOARDED = "Onboarded"
    SITE_UPDATED = "SiteUpdated"
    ENROLLED = "Enrolled"
    UNENROLLED = "Unenrolled"
    SNOOZED = "Snoozed"
    SNOOZE_ENDED = "SnoozeEnded"
    TARIFF_SET = "TariffSet"
    INTENT_SET = "IntentSet"
    VEHICLE_INTENT_SET = "VehicleIntentSet"
    VEHICLE_INTENT_DELETED = "VehicleIntentDeleted"
    CHARGE_NOW_SET = "ChargeNowSet"
    CHARGE_NOW_ENDED = "ChargeNowEnded"
    TEST_CHARGE_STARTED = "TestChargeStarted"
    TEST_CHARGE_PASSED = "TestChargePassed"
    TEST_CHARGE_FAILED = "TestChargeFailed"

    # On the bus only
    CHARGING_COMMAND = "ChargingCommand"


INTERNAL = frozenset({Event.CHARGING_COMMAND})
"""Events between Driveway's own functions. They are on the bus, and not on the timeline."""

FOR_THE_APP = frozenset(
    {
        Event.PLUGGED_IN,
        Event.PLUGGED_OUT,
        Event.SCHEDULE_RECEIVED,
        Event.CHARGING_STARTED,
        Event.CHARGING_STOPPED,
        Event.READY_BY_AT_RISK,
        Event.READY_BY_SAFE,
        Event.NO_SESSION,
        Event.COMMAND_FAILED,
        Event.NEEDS_ATTENTION,
        Event.RECONNECTED,
        Event.VEHICLE_CONNECTED,
        Event.SESSION_COMPLETED,
        Event.SESSION_CORRECTED,
        Event.TEST_CHARGE_PASSED,
        Event.TEST_CHARGE_FAILED,
    }
)
"""Events that are published on the bus and so reach the app's webhook. Nearly all of them are on a timeline, too."""


def event_id(asset: str, version: int, number: int, at: datetime) -> str:
    """The id of an event for the app: the same each time it is made from the same write of the same asset.

    Args:
        asset: the app's id of the asset.
        version: of the twin that was written.
        number: the place of the event among the entries of that write.
        at: when it happened (aware). An asset that was erased and onboarded again counts its versions again.
    """
    return "evt_" + hashlib.sha256(f"{asset}|{version}|{number}|{at.timestamp()}".encode()).hexdigest()[:32]


SENTENCES: dict[Event, str] = {
    Event.PLUGGED_IN: "The car was plugged in. If it is at home, a session begins.",
    Event.PLUGGED_OUT: "The car was unplugged. A session that was open is over.",
    Event.PLUG_OUT_HELD: "The car reported that it was unplugged. The report is being checked before it counts.",
    Event.PLUG_OUT_CANCELLED: "The car reported that it was unplugged, but it is still plugged in.",
    Event.CHARGING_STARTED: "The car started to charge.",
    Event.CHARGING_STOPPED: "The car stopped charging.",
    Event.NO_SESSION: "The car was plugged in, but no session begins, because it is not known to be at home.",
    Event.HOME_DOUBTED: "A report says that the car is away from home. It is not commanded until that is clear.",
    Event.HOME_CONFIRMED: "The car is at home after all. Charging is controlled again.",
    Event.SESSION_COMPLETED: "A session at home is over. The entry has its energy and its unknown half-hours.",
    Event.SESSION_CORRECTED: "A late reading changed the energy of a session that is over. The entry has both values.",
    Event.VEHICLE_NAMED: "The app named the car that is plugged in. The intent of that car counts.",
    Event.COMMAND_PLANNED: "A command to the car was planned. It is sent at the time that the entry gives.",
    Event.COMMAND_PUT_OFF: "A command waits, because the car maker's service does not answer.",
    Event.COMMAND_SENT: "A command was sent to the car.",
    Event.COMMAND_CONFIRMED: "The car shows that it has done what was commanded.",
    Event.COMMAND_REFUSED: "The car or its maker refused a command. The entry has the maker's own words.",
    Event.COMMAND_RETRIED: "A command that the car has not followed is sent again.",
    Event.COMMAND_SUPERSEDED: "A command was dropped, because the plan changed before it was done.",
    Event.COMMAND_EXPIRED: "A command was dropped, because it could not be sent in time.",
    Event.COMMAND_FAILED: "A command failed for good. The car is released to charge, and left alone for a while.",
    Event.DEFAULT_SCHEDULE: "The off-peak schedule that is kept in the car or charger was installed or removed.",
    Event.CHARGING_CURRENT: "A limit of ours was taken back: the car charges with the current that its driver chose.",
    Event.CONTROL_RELEASED: "The operator switched smart charging off for everybody. The car is released.",
    Event.CONTROL_RESUMED: "The operator switched smart charging on again.",
    Event.NEEDS_ATTENTION: "The driver or support has to do something. The entry says what.",
    Event.RECONNECTED: "The account at the car maker works again.",
    Event.VEHICLE_CONNECTED: "A driver connected a new car at its maker. The event has the car's id there.",
    Event.READY_BY_AT_RISK: "The plan delivers less energy than the driver needs by the ready-by time.",
    Event.READY_BY_SAFE: "The plan delivers enough again. An earlier warning is taken back.",
    Event.SCHEDULE_RECEIVED: "Axle sent a schedule.",
    Event.SCHEDULE_CLEARED: "Axle withdrew its schedule. The default schedule counts.",
    Event.AXLE_TOLD: "Axle acknowledged a tariff, an intent, a plug state or a charge-now.",
    Event.AXLE_UNAVAILABLE: "Axle does not answer. The call is repeated.",
    Event.AXLE_REFUSED: "Axle refused a value. The entry has Axle's own words.",
    Event.READINGS_GIVEN_UP: "Axle did not take the last readings in time. They are not sent any more.",
    Event.ONBOARDED: "The asset was onboarded with Axle.",
    Event.SITE_UPDATED: "The app changed the site or the asset.",
    Event.ENROLLED: "The site joined smart charging again.",
    Event.UNENROLLED: "The site left smart charging. The car charges whenever it is plugged in.",
    Event.SNOOZED: "The driver paused smart charging until the time that the entry gives.",
    Event.SNOOZE_ENDED: "The pause is over.",
    Event.TARIFF_SET: "The app set the tariff.",
    Event.INTENT_SET: "The app set how much energy the driver needs, and by when.",
    Event.VEHICLE_INTENT_SET: "The app set an intent for one of several cars.",
    Event.VEHICLE_INTENT_DELETED: "The app deleted the intent of one of several cars. The asset's intent counts.",
    Event.CHARGE_NOW_SET: "A charge-now began: the car charges at once.",
    Event.CHARGE_NOW_ENDED: "A charge-now ended. The plan counts again.",
    Event.TEST_CHARGE_STARTED: "A test charge began.",
    Event.TEST_CHARGE_PASSED: "A test charge passed: the car was started and stopped once.",
    Event.TEST_CHARGE_FAILED: "A test charge did not pass. The entry says at which step, why, and what helps.",
    Event.CHARGING_COMMAND: "A command is ready for the function that sends it to the car maker.",
}
