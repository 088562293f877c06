"""Why Driveway did, or did not do, a thing: every decision carries one of these codes and its sentence."""

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class Reason(StrEnum):
    """Reason codes. They are part of the HTTP API: add, never rename."""

    # Why the car should charge or hold now
    NOT_PLUGGED_IN = "NOT_PLUGGED_IN"
    PLUG_UNKNOWN = "PLUG_UNKNOWN"
    NOT_AT_HOME = "NOT_AT_HOME"
    HOME_UNKNOWN = "HOME_UNKNOWN"
    NOT_ENROLLED = "NOT_ENROLLED"
    SNOOZED = "SNOOZED"
    CHARGE_NOW = "CHARGE_NOW"
    MINIMUM_SOC = "MINIMUM_SOC"
    AXLE_SCHEDULE = "AXLE_SCHEDULE"
    DEFAULT_OFF_PEAK = "DEFAULT_OFF_PEAK"
    DEFAULT_PEAK = "DEFAULT_PEAK"
    READY_BY_ESCALATION = "READY_BY_ESCALATION"
    BATTERY_FULL = "BATTERY_FULL"

    # What became of commands
    COMMAND_SENT = "COMMAND_SENT"
    COMMAND_CONFIRMED = "COMMAND_CONFIRMED"
    COMMAND_FAILED = "COMMAND_FAILED"
    COMMAND_SUPERSEDED = "COMMAND_SUPERSEDED"
    COMMAND_EXPIRED = "COMMAND_EXPIRED"
    ALREADY_IN_STATE = "ALREADY_IN_STATE"
    NOT_CONFIRMED_IN_TIME = "NOT_CONFIRMED_IN_TIME"
    RETRY_WAIT = "RETRY_WAIT"
    BREAKER_OPEN = "BREAKER_OPEN"
    PROVIDER_BREAKER_OPEN = "PROVIDER_BREAKER_OPEN"
    DAILY_BUDGET_SPENT = "DAILY_BUDGET_SPENT"
    MONTHLY_BUDGET_SPENT = "MONTHLY_BUDGET_SPENT"
    REQUEST_RATE_REACHED = "REQUEST_RATE_REACHED"
    WAKE_BUDGET_SPENT = "WAKE_BUDGET_SPENT"
    MINIMUM_DWELL = "MINIMUM_DWELL"
    PAIR_CAP_REACHED = "PAIR_CAP_REACHED"
    GAVE_UP_RELEASED = "GAVE_UP_RELEASED"
    RELEASED = "RELEASED"
    THIRD_PARTY_INTERFERENCE = "THIRD_PARTY_INTERFERENCE"
    DRIVER_STOP_RESPECTED = "DRIVER_STOP_RESPECTED"
    PROVIDER_NEEDS_USER = "PROVIDER_NEEDS_USER"
    PROVIDER_NEEDS_OPERATOR = "PROVIDER_NEEDS_OPERATOR"
    CHARGING_UNKNOWN = "CHARGING_UNKNOWN"
    PROVIDER_UNSUPPORTED = "PROVIDER_UNSUPPORTED"
    NO_VEHICLE_LINKED = "NO_VEHICLE_LINKED"
    RECONNECTED = "RECONNECTED"
    VEHICLE_CONNECTED = "VEHICLE_CONNECTED"
    DEFAULT_SCHEDULE_CHANGED = "DEFAULT_SCHEDULE_CHANGED"
    DEFAULT_SCHEDULE_REMOVED = "DEFAULT_SCHEDULE_REMOVED"
    TRIAL_START = "TRIAL_START"
    TRIAL_START_ENDED = "TRIAL_START_ENDED"
    CURRENT_RESTORED = "CURRENT_RESTORED"
    RELEASE_GIVEN_UP = "RELEASE_GIVEN_UP"
    RELEASED_BY_OPERATOR = "RELEASED_BY_OPERATOR"
    RESUMED_BY_OPERATOR = "RESUMED_BY_OPERATOR"

    # Presence
    PLUGGED_AND_HOME = "PLUGGED_AND_HOME"
    PLUG_OUT_HELD = "PLUG_OUT_HELD"
    PLUG_OUT_HELD_AFTER_STOP = "PLUG_OUT_HELD_AFTER_STOP"
    PLUG_OUT_INFERRED = "PLUG_OUT_INFERRED"
    PLUG_OUT_DEBOUNCED = "PLUG_OUT_DEBOUNCED"
    PLUG_OUT_CONFIRMED_BY_MOVEMENT = "PLUG_OUT_CONFIRMED_BY_MOVEMENT"
    PLUG_OUT_CONFIRMED_AWAY = "PLUG_OUT_CONFIRMED_AWAY"
    PLUG_OUT_CONFIRMED_BY_VEHICLE = "PLUG_OUT_CONFIRMED_BY_VEHICLE"
    PLUG_OUT_CONFIRMED_BY_PROVIDER = "PLUG_OUT_CONFIRMED_BY_PROVIDER"
    PLUG_OUT_CANCELLED_BY_POWER = "PLUG_OUT_CANCELLED_BY_POWER"
    PLUG_OUT_CANCELLED_BY_PLUG = "PLUG_OUT_CANCELLED_BY_PLUG"
    PLUGGED_OUT = "PLUGGED_OUT"
    OBSERVED_CHARGING = "OBSERVED_CHARGING"
    OBSERVED_STOPPED = "OBSERVED_STOPPED"
    OBSERVED_TOO_LATE = "OBSERVED_TOO_LATE"
    OBSERVED_TIME_ABSURD = "OBSERVED_TIME_ABSURD"
    OBSERVED_VALUE_ABSURD = "OBSERVED_VALUE_ABSURD"
    AWAY_WHILE_PLUGGED = "AWAY_WHILE_PLUGGED"
    HOME_IN_DOUBT = "HOME_IN_DOUBT"
    HOME_SEEN_AGAIN = "HOME_SEEN_AGAIN"
    PLACE_WAS_STRAY = "PLACE_WAS_STRAY"
    LEFT_HOME_UNSEEN = "LEFT_HOME_UNSEEN"
    PLACE_BEING_CHECKED = "PLACE_BEING_CHECKED"
    PLACE_BEFORE_MOVE = "PLACE_BEFORE_MOVE"
    OBSERVED_JUMP = "OBSERVED_JUMP"
    VEHICLE_NAMED = "VEHICLE_NAMED"

    # Axle
    SCHEDULE_RECEIVED = "SCHEDULE_RECEIVED"
    SCHEDULE_CLEARED = "SCHEDULE_CLEARED"
    AXLE_ACKNOWLEDGED = "AXLE_ACKNOWLEDGED"
    AXLE_UNAVAILABLE = "AXLE_UNAVAILABLE"
    AXLE_REFUSED = "AXLE_REFUSED"
    READINGS_GIVEN_UP = "READINGS_GIVEN_UP"

    # The driver and the app
    ONBOARDED = "ONBOARDED"
    ONBOARDING_TAKEN_BACK = "ONBOARDING_TAKEN_BACK"
    UPDATED_BY_APP = "UPDATED_BY_APP"
    UNENROLLED = "UNENROLLED"
    ENROLLED = "ENROLLED"
    SNOOZE_ENDED = "SNOOZE_ENDED"
    CHARGE_NOW_ENDED = "CHARGE_NOW_ENDED"
    CHARGE_NOW_DELETED = "CHARGE_NOW_DELETED"
    READY_BY_AT_RISK = "READY_BY_AT_RISK"
    READY_BY_SAFE = "READY_BY_SAFE"
    SESSION_COMPLETED = "SESSION_COMPLETED"
    SESSION_CORRECTED = "SESSION_CORRECTED"
    POWER_ABOVE_ONBOARDED = "POWER_ABOVE_ONBOARDED"
    PLAN_NOT_KEPT = "PLAN_NOT_KEPT"
    TEST_CHARGE = "TEST_CHARGE"
    TEST_CHARGE_PASSED = "TEST_CHARGE_PASSED"
    CAR_OUT_OF_REACH = "CAR_OUT_OF_REACH"


SENTENCES: dict[Reason, str] = {
    Reason.NOT_PLUGGED_IN: "The car is not known to be plugged in.",
    Reason.PLUG_UNKNOWN: "Nothing has reported whether the car is plugged in.",
    Reason.NOT_AT_HOME: "The car is plugged in away from home, where Driveway does nothing.",
    Reason.HOME_UNKNOWN: "The car is plugged in, but nothing shows that it is at home.",
    Reason.NOT_ENROLLED: "The site does not take part in smart charging.",
    Reason.SNOOZED: "The driver paused smart charging.",
    Reason.CHARGE_NOW: "The driver asked the car to charge now.",
    Reason.MINIMUM_SOC: "The battery is below the minimum that the driver set.",
    Reason.AXLE_SCHEDULE: "Axle's schedule decides.",
    Reason.DEFAULT_OFF_PEAK: "Axle has no schedule for this time, and the tariff is off-peak.",
    Reason.DEFAULT_PEAK: "Axle has no schedule for this time, and the tariff is at its peak.",
    Reason.READY_BY_ESCALATION: "The plan delivers too little by the ready-by time, so the car charges at once.",
    Reason.BATTERY_FULL: "The battery is full, or the car takes no power that its charger offers.",
    Reason.COMMAND_SENT: "The command was sent to the car.",
    Reason.COMMAND_CONFIRMED: "The car shows that it has done what was commanded.",
    Reason.COMMAND_FAILED: "The car did not follow the command, however often it was sent.",
    Reason.COMMAND_SUPERSEDED: "The plan changed before the command was done.",
    Reason.COMMAND_EXPIRED: "The command could not be sent in time.",
    Reason.ALREADY_IN_STATE: "The car was already in the state that was commanded.",
    Reason.CHARGING_UNKNOWN: "The command was acknowledged, but no state or power shows whether the car charges.",
    Reason.NOT_CONFIRMED_IN_TIME: "The car has not shown the command's effect in time.",
    Reason.RETRY_WAIT: "The command is sent again after a pause.",
    Reason.BREAKER_OPEN: "The car did not follow earlier commands, so it is left alone for a while.",
    Reason.PROVIDER_BREAKER_OPEN: "The car maker's service does not answer.",
    Reason.DAILY_BUDGET_SPENT: "The car has received its daily number of commands.",
    Reason.MONTHLY_BUDGET_SPENT: "What is left of the month's requests to the car maker is kept for starting cars.",
    Reason.REQUEST_RATE_REACHED: "The car maker allows only so many requests at once.",
    Reason.WAKE_BUDGET_SPENT: "The car sleeps, and it was woken its daily number of times.",
    Reason.MINIMUM_DWELL: "The car was started or stopped a moment ago, and a change so soon could harm it.",
    Reason.PAIR_CAP_REACHED: "The car was stopped so often in this session that it is left charging.",
    Reason.GAVE_UP_RELEASED: "The car did not follow, so it is released to charge by itself.",
    Reason.RELEASED: "Driveway no longer controls the car, so it is released to charge by itself.",
    Reason.THIRD_PARTY_INTERFERENCE: "The driver or another system started the car outside the plan.",
    Reason.PROVIDER_NEEDS_USER: "The driver has to connect the account at the car maker again.",
    Reason.PROVIDER_NEEDS_OPERATOR: "A base URL or our own credentials are wrong. The operator has to act.",
    Reason.PROVIDER_UNSUPPORTED: "This car or its maker cannot do what was commanded.",
    Reason.TRIAL_START: "The car is reported unplugged, perhaps because of our own stop, so one start is tried.",
    Reason.TRIAL_START_ENDED: "The trial start had no effect, so the car counts as unplugged.",
    Reason.NO_VEHICLE_LINKED: "The asset has no car that could be commanded.",
    Reason.RECONNECTED: "The account at the car maker works again.",
    Reason.VEHICLE_CONNECTED: "The driver connected a new car at its maker.",
    Reason.DEFAULT_SCHEDULE_CHANGED: "The off-peak schedule was installed in the car or charger.",
    Reason.DEFAULT_SCHEDULE_REMOVED: "The off-peak schedule was removed from the car or charger.",
    Reason.CURRENT_RESTORED: "Nothing asks for a limit any more, so the car gets its driver's own current back.",
    Reason.RELEASE_GIVEN_UP: "The car could not be released, so something of ours may stay in it.",
    Reason.DRIVER_STOP_RESPECTED: "Charging was stopped in the car, so the car is left as it is.",
    Reason.RELEASED_BY_OPERATOR: "The operator switched smart charging off for everybody, so the car is released.",
    Reason.RESUMED_BY_OPERATOR: "The operator switched smart charging on again.",
    Reason.PLUGGED_AND_HOME: "The car is plugged in at home, so a session begins.",
    Reason.PLUG_OUT_HELD: "The car reported that it was unplugged. The report counts unless something contradicts it.",
    Reason.PLUG_OUT_HELD_AFTER_STOP: "The car reported that it was unplugged just after our own stop.",
    Reason.PLUG_OUT_INFERRED: "The car moved, so it must have been unplugged.",
    Reason.PLUG_OUT_DEBOUNCED: "Nothing contradicted the report that the car was unplugged.",
    Reason.PLUG_OUT_CONFIRMED_BY_MOVEMENT: "The car moved after the report that it was unplugged.",
    Reason.PLUG_OUT_CONFIRMED_AWAY: "The car was seen away from home after the report that it was unplugged.",
    Reason.PLUG_OUT_CONFIRMED_BY_VEHICLE: "Another car was plugged in after the report that this one was unplugged.",
    Reason.PLUG_OUT_CONFIRMED_BY_PROVIDER: "The car maker confirmed that the car is unplugged.",
    Reason.PLUG_OUT_CANCELLED_BY_POWER: "Power flowed after the report that the car was unplugged.",
    Reason.PLUG_OUT_CANCELLED_BY_PLUG: "The car was seen plugged in after the report that it was unplugged.",
    Reason.PLUGGED_OUT: "The car was unplugged.",
    Reason.OBSERVED_CHARGING: "The car reported that it is charging.",
    Reason.OBSERVED_STOPPED: "The car reported that it is not charging.",
    Reason.OBSERVED_TOO_LATE: "The report is older than what is known.",
    Reason.OBSERVED_TIME_ABSURD: "The time of the report is too far from the present.",
    Reason.OBSERVED_VALUE_ABSURD: "The value of the report is impossible.",
    Reason.AWAY_WHILE_PLUGGED: "The report contradicts what is known of the car at that time.",
    Reason.HOME_IN_DOUBT: "One report says that the car is not at home. The next report decides.",
    Reason.HOME_SEEN_AGAIN: "The car reported that it is at home.",
    Reason.PLACE_WAS_STRAY: "The report that the car was away was wrong: it had no time to leave.",
    Reason.PLACE_BEING_CHECKED: "The battery lost charge while the car was unplugged, so its place is checked first.",
    Reason.LEFT_HOME_UNSEEN: "The car is away from home, and no report of the plug-out came.",
    Reason.PLACE_BEFORE_MOVE: "The reported place is older than the car's latest move.",
    Reason.OBSERVED_JUMP: "The state of charge changed more than a car can. It counts if it is reported again.",
    Reason.VEHICLE_NAMED: "The app named the car that is plugged in.",
    Reason.SCHEDULE_RECEIVED: "Axle sent a schedule.",
    Reason.SCHEDULE_CLEARED: "Axle withdrew its schedule.",
    Reason.AXLE_ACKNOWLEDGED: "Axle acknowledged a value.",
    Reason.AXLE_UNAVAILABLE: "Axle does not answer.",
    Reason.AXLE_REFUSED: "Axle refused a value.",
    Reason.READINGS_GIVEN_UP: "The asset stopped taking part, and nothing waits for readings longer than five seconds.",
    Reason.ONBOARDED: "The app onboarded the asset.",
    Reason.ONBOARDING_TAKEN_BACK: "Axle never acknowledged the onboarding, so nothing of it is kept.",
    Reason.UPDATED_BY_APP: "The app changed what is wanted.",
    Reason.UNENROLLED: "The site left smart charging.",
    Reason.ENROLLED: "The site joined smart charging again.",
    Reason.SNOOZE_ENDED: "The pause of smart charging is over.",
    Reason.CHARGE_NOW_ENDED: "The charge-now reached its time or its energy, or the car was unplugged.",
    Reason.CHARGE_NOW_DELETED: "The app ended the charge-now.",
    Reason.READY_BY_AT_RISK: "The plan delivers less energy than the driver needs by the ready-by time.",
    Reason.READY_BY_SAFE: "The plan delivers the energy that the driver needs by the ready-by time.",
    Reason.SESSION_COMPLETED: "The session at home is over.",
    Reason.POWER_ABOVE_ONBOARDED: "The car draws more power than it was set up with, so its energy is not counted.",
    Reason.SESSION_CORRECTED: "A reading that came late changed the energy of the session.",
    Reason.TEST_CHARGE: "The app asked for a test charge: the car is started and stopped once.",
    Reason.TEST_CHARGE_PASSED: "The car was started and stopped once, and showed both.",
    Reason.CAR_OUT_OF_REACH: "The car cannot be reached, as its maker reports.",
    Reason.PLAN_NOT_KEPT: "No record says what was in force at that time.",
}
"""What each code means. The decisions have their own texts, with times and amounts; these are for the API document."""


def local_day_and_hhmm(instant: datetime, timezone: str) -> str:
    """The day and wall time of an aware instant in an IANA zone, as ``16 Jan 09:00``, for sentences people read."""
    return instant.astimezone(ZoneInfo(timezone)).strftime("%d %b %H:%M").removeprefix("0")


def local_hhmm(instant: datetime, timezone: str) -> str:
    """The wall time of an aware instant in an IANA zone, as ``HH:MM``, for sentences people read."""
    return instant.astimezone(ZoneInfo(timezone)).strftime("%H:%M")
