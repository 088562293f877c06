"""The sentences of a test charge, for a driver."""

from driveway.domain.twin import ChargeTestStep
from driveway.domain.twin.reasons import Reason

RUNNING_TEXTS: dict[ChargeTestStep, str] = {
    "connection": "We check that your car can be reached.",
    "place": "We check that your car is at home.",
    "plug": "We wait until your car is plugged in.",
    "start": "We start charging, and wait until your car shows it.",
    "stop": "We stop charging again, and wait until your car shows it.",
}

PASSED_TEXTS: dict[ChargeTestStep, str] = {
    "connection": "Your car can be reached.",
    "place": "Your car is at home.",
    "plug": "Your car is plugged in.",
    "start": "Your car charged when it was started.",
    "stop": "Your car stopped when it was stopped.",
}

FAILED_TEXTS: dict[Reason, str] = {
    Reason.CAR_OUT_OF_REACH: "Your car cannot be reached at the moment.",
    Reason.NOT_CONFIRMED_IN_TIME: "Your car did not show in time that it does what we asked.",
    Reason.CHARGING_UNKNOWN: "Your car does not report whether it charges.",
    Reason.COMMAND_FAILED: "Your car did not do what we asked, however often we tried.",
    Reason.BATTERY_FULL: "Your battery is full, so there is nothing to charge.",
    Reason.CHARGE_NOW: "You chose charge now, so we do not stop your car.",
    Reason.DAILY_BUDGET_SPENT: "We have used up today's commands for your car.",
    Reason.PAIR_CAP_REACHED: "Your car was started and stopped as often as we allow since you plugged in.",
    Reason.PROVIDER_UNSUPPORTED: "Your car or charger cannot be started and stopped from outside.",
}

ADVICE: dict[Reason, str] = {
    Reason.NO_VEHICLE_LINKED: "Connect your car in the app.",
    Reason.PROVIDER_NEEDS_USER: "Connect the car maker's account again in the app, then repeat the test.",
    Reason.CAR_OUT_OF_REACH: "Park the car where it has reception, or wake it in its own app, then repeat the test.",
    Reason.PLUG_UNKNOWN: "Wake the car in its own app, then repeat the test.",
    Reason.NOT_AT_HOME: "Drive home, or set your home in the app, then repeat the test.",
    Reason.HOME_UNKNOWN: "Let the car share its location, or set your home in the app, then repeat the test.",
    Reason.HOME_IN_DOUBT: "Wait some minutes until your car reports where it is, then repeat the test.",
    Reason.NOT_PLUGGED_IN: "Plug the car in.",
    Reason.BATTERY_FULL: "Raise the charge limit in the car, or repeat the test when the battery is lower.",
    Reason.COMMAND_FAILED: "Switch off timers in the car and in its own app, unplug it and plug it in again, then "
    "repeat the test.",
    Reason.NOT_CONFIRMED_IN_TIME: "Switch off timers in the car and in its own app, then repeat the test.",
    Reason.CHARGING_UNKNOWN: "Check in the car maker's app that the car shares its charging state.",
    Reason.PAIR_CAP_REACHED: "Unplug the car and plug it in again, then repeat the test.",
    Reason.DAILY_BUDGET_SPENT: "Repeat the test tomorrow.",
    Reason.SNOOZED: "End the pause in the app, then repeat the test.",
    Reason.NOT_ENROLLED: "Join smart charging in the app, then repeat the test.",
    Reason.RELEASED_BY_OPERATOR: "Repeat the test when smart charging is switched on again.",
    Reason.CHARGE_NOW: "End charge now and repeat the test, if you want to see your car stop.",
}
"""What the driver can do about it."""
