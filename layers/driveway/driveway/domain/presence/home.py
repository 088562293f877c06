"""Whether a car is at home, from what a source tells of its whereabouts.

The evidence is taken in this order, and the first that says anything decides: the provider's own home flag, the
provider's id of the place, the distance from the site's home. Two guards stand above that order. A position counts
only while it is fresh or marked as where the car last parked. And since a car maker's "home" is the one its owner
saved, which need not be the metered one, a fresh position far outside the site's home overrules a yes.

No evidence is ``None``: unknown, which nobody may take for home. Positions are used here and forgotten: none is in a
result, an exception or a repr.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import asin, cos, isfinite, radians, sin, sqrt

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import Home

MAX_POSITION_AGE_S = 900
EARTH_RADIUS_M = 6_371_008.8
# A home is often known by its postcode only, so a flag is overruled well beyond any such error and not before.
CONTRADICTION_M = 1_000.0


def distance_m(a_latitude: float, a_longitude: float, b_latitude: float, b_longitude: float) -> float:
    """The great-circle distance in metres between two points in WGS 84 degrees (haversine, mean earth radius)."""
    a_lat, a_lon, b_lat, b_lon = map(radians, (a_latitude, a_longitude, b_latitude, b_longitude))
    half_chord = sin((b_lat - a_lat) / 2) ** 2 + cos(a_lat) * cos(b_lat) * sin((b_lon - a_lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half_chord)))


def at_home(
    whereabouts: Whereabouts | None,
    *,
    home: Home | None,
    home_location_id: str | None,
    observed_at: datetime,
    max_age_s: float = MAX_POSITION_AGE_S,
) -> bool | None:
    """Whether the car is at home by this evidence; None when there is none.

    Args:
        whereabouts: what the source said, or None.
        home: the site's home and its radius, if the app gave one.
        home_location_id: the provider's id of the home, if one was given at onboarding. With it, any other known
            place, and a known absence of a place, is evidence of not being at home.
        observed_at: the time of the observation (aware UTC), against which a position's age is measured.
        max_age_s: how many seconds old a position may be that is not marked as where the car last parked.
    """
    if whereabouts is None:
        return None
    position = whereabouts.position
    outside_m = _metres_outside(position, home)
    fresh = position is not None and _age(position, observed_at) <= timedelta(seconds=max_age_s)
    told = _told(whereabouts, home_location_id)
    if told and fresh and outside_m is not None and outside_m > CONTRADICTION_M:
        return False
    if told is not None:
        return told
    if position is None or outside_m is None or not (fresh or position.last_parked):
        return None
    return outside_m <= 0


def resolve_home(
    observation: Observation,
    *,
    home: Home | None,
    home_location_id: str | None,
    max_age_s: float = MAX_POSITION_AGE_S,
) -> tuple[Observation, ...]:
    """The same observation with ``at_home`` decided and the whereabouts gone.

    What the source says of ``at_home`` in so many words stands. Evidence from a position older than the observation
    becomes an observation of its own, at the time of the position, so that a place is never taken for newer than it
    is; the result is in order of time. A last-parked position counts at the time of the observation: the source says
    that the car still stands there.
    """
    whereabouts = observation.whereabouts
    bare = replace(observation, whereabouts=None)
    if whereabouts is None or observation.at_home is not None:
        return (bare,)
    answer = at_home(
        whereabouts,
        home=home,
        home_location_id=home_location_id,
        observed_at=observation.at,
        max_age_s=max_age_s,
    )
    position = whereabouts.position
    by_position_alone = _told(whereabouts, home_location_id) is None
    if answer is None or not by_position_alone or position is None or position.last_parked:
        return (replace(bare, at_home=answer),)
    if position.at >= observation.at:
        return (replace(bare, at_home=answer),)
    return (Observation(at=position.at, source=observation.source, at_home=answer), bare)


def _told(whereabouts: Whereabouts, home_location_id: str | None) -> bool | None:
    if whereabouts.home_flag is not None:
        return whereabouts.home_flag
    if home_location_id is not None and (whereabouts.location_id_known or whereabouts.location_id is not None):
        return whereabouts.location_id == home_location_id
    return None


def _metres_outside(position: Position | None, home: Home | None) -> float | None:
    if position is None or home is None or not _is_a_fix(position):
        return None
    return distance_m(position.latitude, position.longitude, home.latitude, home.longitude) - home.radius_m


def _age(position: Position, observed_at: datetime) -> timedelta:
    return observed_at.astimezone(UTC) - position.at.astimezone(UTC)


def _is_a_fix(position: Position) -> bool:
    """Zero, zero is what receivers without a fix report, and lies in the sea."""
    if not (isfinite(position.latitude) and isfinite(position.longitude)):
        return False
    if position.latitude == 0 and position.longitude == 0:
        return False
    return abs(position.latitude) <= 90 and abs(position.longitude) <= 180
