"""Warnings for an app that sets a preference: a value is cut, Axle cannot know it, or it cannot act yet."""

from datetime import datetime

from driveway.domain.instants import utc_text
from driveway.domain.preferences.departures import WEEKDAYS
from driveway.domain.twin import Intent, Twin, Weekday
from driveway.values import replace

DAY_NAMES: dict[Weekday, str] = dict(
    zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)


def fitted(intent: Intent, *, battery_kwh: float | None) -> Intent:
    """The intent with an energy that the battery can hold."""
    if battery_kwh is None or intent.kwh is None or intent.kwh <= battery_kwh:
        return intent
    return replace(intent, kwh=battery_kwh)


def intent_warnings(asked: Intent, *, battery_kwh: float | None, power_kw: float) -> tuple[str, ...]:
    """Warnings that an intent's energy is cut, and how Axle reads an intent that names some weekdays only."""
    return (*_cut(asked, battery_kwh, power_kw), *_days_left_out(asked))


def _cut(asked: Intent, battery_kwh: float | None, power_kw: float) -> tuple[str, ...]:
    energy_kwh = asked.kwh if asked.hours is None else asked.hours * power_kw
    if battery_kwh is None or energy_kwh is None or energy_kwh <= battery_kwh:
        return ()
    asked_for = f"{asked.kwh:g} kWh" if asked.hours is None else f"{asked.hours:g} hours ({energy_kwh:.1f} kWh)"
    return (f"{asked_for} is more than the battery's {battery_kwh:g} kWh, so Axle is asked for {battery_kwh:g} kWh.",)


def _days_left_out(asked: Intent) -> tuple[str, ...]:
    """A sentence for each run of weekdays without a departure, ahead of the next weekday that has one."""
    named = [place for place, day in enumerate(WEEKDAYS) if day in asked.ready_by]
    sentences = []
    for place, following in zip(named, [*named[1:], named[0] + len(WEEKDAYS)] if named else [], strict=True):
        missing = [DAY_NAMES[WEEKDAYS[day % len(WEEKDAYS)]] for day in range(place + 1, following)]
        if missing:
            next_day = WEEKDAYS[following % len(WEEKDAYS)]
            sentences.append(
                f"No departure is given for {_listed(missing)}. Axle knows a time of day and no weekday, so ahead of "
                f"{'that day' if len(missing) == 1 else 'those days'} it plans for {DAY_NAMES[next_day]}'s time, "
                f"{asked.ready_by[next_day]}, as if the car left then on each of them."
            )
    return tuple(sentences)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def standing_warnings(twin: Twin, now: datetime) -> tuple[str, ...]:
    """The causes that keep a preference that was just set from acting now, each with the remedy."""
    link, sentences = twin.link, []
    snoozed_until = link.snoozed_until if link.snoozed_until is not None and now < link.snoozed_until else None
    if not link.enrolled or link.leaving:
        sentences.append("The site is not enrolled: this takes effect once it is enrolled again.")
    if snoozed_until is not None and not _is_boosted(twin, now):
        sentences.append(
            f"Smart charging is snoozed until {utc_text(snoozed_until)}: this takes effect once the snooze is over."
        )
    link_made = f"POST /sites/{link.site}/connections gives the link."
    if link.vehicle is None:
        sentences.append(f"No car is linked to this asset, so we cannot start or stop charging. {link_made}")
    if twin.presence.needs_user is not None:
        sentences.append(
            "The car maker's account is out of order, so we cannot start or stop the car. Ask the driver to connect it "
            f"again. {link_made}"
        )
    return tuple(sentences)


def charge_now_warnings(twin: Twin, now: datetime) -> tuple[str, ...]:
    """The causes that keep a charge-now that was just set from acting now, or from reaching Axle."""
    sentences, boost, snoozed_until = list(standing_warnings(twin, now)), twin.charge_now, twin.link.snoozed_until
    if boost is not None and twin.presence.session is None:
        sentences.append(
            "The car is not known to be plugged in at home. It charges at once when it is plugged in before "
            f"{utc_text(boost.until)}."
        )
    if boost is not None and snoozed_until is not None and now < snoozed_until:
        sentences.append(
            f"Smart charging is snoozed until {utc_text(snoozed_until)}. We still start the car, but it is not "
            "reported to Axle."
        )
    return tuple(sentences)


def _is_boosted(twin: Twin, now: datetime) -> bool:
    return twin.charge_now is not None and now < twin.charge_now.until
