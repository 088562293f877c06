"""Why a command has to wait, and the sentence for it. Pure."""

from datetime import datetime

from msgspec import Struct

from driveway.domain.twin.reasons import Reason, local_hhmm

HELD_BACK_TEXTS: dict[Reason, str] = {
    Reason.DAILY_BUDGET_SPENT: "we have used up today's commands for this car",
    Reason.MONTHLY_BUDGET_SPENT: "we keep the rest of this month's requests to the car maker for starting cars",
    Reason.REQUEST_RATE_REACHED: "the car maker allows only so many requests at once",
    Reason.PROVIDER_BREAKER_OPEN: "the car maker's service does not answer",
    Reason.BREAKER_OPEN: "your car did not follow earlier commands, so we leave it alone for a while",
    Reason.PAIR_CAP_REACHED: "charging was started and stopped as often as we allow since you plugged in",
    Reason.MINIMUM_DWELL: "we protect your car from changing too often",
    Reason.RETRY_WAIT: "your car stopped by itself, so we start it again later",
    Reason.PLACE_BEING_CHECKED: "the battery lost charge while the car was unplugged, so we check where the car is",
    Reason.PLUG_OUT_HELD: "a plug-out was reported and is being checked",
    Reason.BATTERY_FULL: "the battery is full",
    Reason.PROVIDER_UNSUPPORTED: "the car or charger cannot do it",
    Reason.RELEASE_GIVEN_UP: "we tried for a day to release your car, without effect",
}


class HeldBack(Struct, frozen=True):
    """The reason for which a command has to wait, and the end (aware UTC; None: until something changes)."""

    reason: Reason
    until: datetime | None = None

    def text(self, timezone: str) -> str:
        """The reason in a sentence, with its end in the wall time of an IANA zone."""
        end = f" until {local_hhmm(self.until, timezone)}" if self.until else ""
        if self.reason is Reason.MONTHLY_BUDGET_SPENT:
            end = " until next month"
        return f"We wait{end}: {HELD_BACK_TEXTS[self.reason]}."
