"""Changes of twins by an onboarding. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct

from driveway.domain.axle_sync.differences import mark_unacknowledged
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.schedules.order import without_schedules
from driveway.domain.twin import (
    AxleState,
    Control,
    Entry,
    Home,
    Link,
    Meter,
    Presence,
    Session,
    Twin,
    changed_groups,
)
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.sites.requested import AssetRequest, default_intent, default_tariff
from driveway.values import replace

NEVER_MEASURED = timedelta(days=30)
"""The age given to the home position that the call assumes: any position that a provider measured outranks it."""


class Terms(Struct, frozen=True):
    """Values of the whole site. ``rejoined``: Axle has received nothing since the site's enrolment."""

    site: str
    axle_site_id: str
    timezone: str
    home: Home | None
    enrolled: bool
    rejoined: bool
    snoozed_until: datetime | None
    now: datetime


def changes_vehicle(before: Twin | None, wanted: AssetRequest) -> bool:
    """Whether the asset had a vehicle and the request replaces or removes it."""
    was = before.link.vehicle if before else None
    if was is None:
        return False
    to_be = wanted.vehicle
    return to_be is None or (was.provider, was.vehicle_id) != (to_be.provider, to_be.vehicle_id)


def twin_of_named_asset(before: Twin | None, wanted: AssetRequest, axle_asset_id: str, terms: Terms) -> Twin:
    """The twin of an asset that the call names; the same object if nothing changes."""
    link = _link(before, wanted, axle_asset_id, terms)
    if before is None:
        twin = Twin(
            link=link,
            tariff=wanted.tariff or default_tariff(),
            intent=wanted.intent or default_intent(),
            revision=1,
            version=1,
        ).tell(Entry(terms.now, Event.ONBOARDED, Reason.ONBOARDED, "The asset was onboarded with Axle."))
        return mark_unacknowledged(_first_seen(twin, wanted, terms.now), terms.now)
    after = replace(
        before, link=link, tariff=wanted.tariff or before.tariff, intent=wanted.intent or before.intent, news=()
    )
    swapped = changes_vehicle(before, wanted)
    if swapped:
        presence = Presence(last_session=_closed(before.presence, terms.now))
        blank = replace(after, presence=presence, control=Control(), meter=Meter(), charge_now=None)
        after = _first_seen(without_schedules(blank, terms.now), wanted, terms.now)
    return _updated(before, after, terms, "The asset has another vehicle." if swapped else "The site was updated.")


def twin_of_other_asset(before: Twin, terms: Terms) -> Twin:
    """The twin of an asset of the site that the call does not name; the same object if nothing changes."""
    link = replace(
        before.link, timezone=terms.timezone, home=terms.home, axle_site_id=terms.axle_site_id, enrolled=terms.enrolled
    )
    return _updated(before, replace(before, link=link, news=()), terms, "The site was updated.")


def opted_out(twin: Twin, now: datetime) -> Twin:
    """The twin of an asset whose site opts out; the same object if it is out."""
    if not twin.link.enrolled:
        return twin
    entry = Entry(now, Event.UNENROLLED, Reason.UNENROLLED, "The site opted out; the car charges as it likes.")
    return without_schedules(replace(twin, link=replace(twin.link, enrolled=False)), now).tell(entry)


def opted_in(twin: Twin, now: datetime, *, newly: bool) -> Twin:
    """The twin of an asset whose site Axle has enrolled; ``newly``: then everything is reported to Axle again."""
    if twin.link.enrolled and not newly:
        return twin
    entry = Entry(now, Event.ENROLLED, Reason.ENROLLED, "The site takes part in smart charging.")
    after = replace(twin, link=replace(twin.link, enrolled=True), axle=AxleState()).tell(entry)
    return mark_unacknowledged(after, now)


def _updated(before: Twin, after: Twin, terms: Terms, text: str) -> Twin:
    same_id = before.link.axle_asset_id.lower() == after.link.axle_asset_id.lower()
    known = before.link.enrolled == after.link.enrolled and same_id
    if not known or terms.rejoined:
        # Axle expects a report of everything after an enrolment.
        after = replace(after, axle=AxleState())
    if not changed_groups(before, after):
        return before
    detail = {"by": "app", "changed": changed_fields(before, after)}
    entry = Entry(terms.now, Event.SITE_UPDATED, Reason.UPDATED_BY_APP, text, detail)
    return mark_unacknowledged(after, terms.now).tell(entry)


_LINK_FIELDS = (
    "type",
    "power_kw",
    "asset_model",
    "installation_date",
    "battery_kwh",
    "vehicle",
    "home",
    "timezone",
    "snoozed_until",
)


def changed_fields(before: Twin, after: Twin) -> list[str]:
    """The fields of the body of a ``PUT`` whose values differ between two states of an asset."""
    fields = [name for name in _LINK_FIELDS if getattr(before.link, name) != getattr(after.link, name)]
    fields += [name for name in ("tariff", "intent") if getattr(before, name) != getattr(after, name)]
    plugged = [state.presence.plugged_in and state.presence.plugged_in.value for state in (before, after)]
    return fields if plugged[0] == plugged[1] else [*fields, "plugged_in"]


def _link(before: Twin | None, wanted: AssetRequest, axle_asset_id: str, terms: Terms) -> Link:
    body = wanted.body
    return Link(
        site=terms.site,
        asset=body.asset,
        type=body.type,
        power_kw=body.power_kw,
        timezone=terms.timezone,
        axle_site_id=terms.axle_site_id,
        axle_asset_id=axle_asset_id,
        enrolled=terms.enrolled,
        onboarded_at=before.link.onboarded_at if before else terms.now,
        asset_model=body.asset_model,
        installation_date=body.installation_date.isoformat() if body.installation_date else None,
        battery_kwh=body.battery_kwh,
        vehicle=wanted.vehicle,
        home=terms.home,
        snoozed_until=before.link.snoozed_until if before else terms.snoozed_until,
    )


def _closed(presence: Presence, now: datetime) -> Session | None:
    """The last session of the vehicle that goes, closed at ``now`` if it is open.

    The twin keeps it, so that its end is recorded in the half-hours even if the function that swapped the vehicle dies
    first: every later reconcile of the twin records the facts that are missing.
    """
    session = presence.session
    return replace(session, closed_at=now) if session is not None else presence.last_session


def _first_seen(twin: Twin, wanted: AssetRequest, now: datetime) -> Twin:
    """The twin with the plug state the call gives; a car that is plugged in is plugged in at home.

    A plug state that the call leaves out is unknown: any observation counts, also one from before the call.
    """
    plugged_in = wanted.body.plugged_in
    if plugged_in is None:
        return twin
    seen = Observation(
        at=now, source="app", plugged_in=plugged_in, at_home=plugged_in or None, place_measured_at=now - NEVER_MEASURED
    )
    step = observe(twin.presence, seen, now=now, rules=PresenceRules())
    return apply_presence_step(twin, step)
