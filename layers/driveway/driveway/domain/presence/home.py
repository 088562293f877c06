"""Whether a car is at home, from the place that a source reports.

The evidence is read in this order, and the first piece that is present decides: the provider's own home flag, the
provider's id of the place, the distance from the site's home. Two guards go before that order. A car maker's "home" is
the place that the owner saved, which may differ from the metered home. So a position far outside the site's home
overrules a yes, unless it was measured earlier. And a car at a fast charger, or with more power than a home has, is
away from home.

Evidence has no age limit. A source that reports where the car *is* dates the place by the time of its measurement,
often the time of parking; ``place_measured_at`` keeps that time, and presence drops evidence that a move has made void.

Missing evidence is ``None``: unknown, which never counts as home. Positions are used here and not kept: no result,
exception or repr holds one.
"""

from datetime import UTC, datetime
from math import asin, cos, isfinite, radians, sin, sqrt

from msgspec import Struct

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import Home
from driveway.values import replace

EARTH_RADIUS_M = 6_371_008.8
CLEARLY_AWAY_M = 1_000.0
"""A home is often known by its postcode only, and a fix may stray: a position is clear if it exceeds such errors."""

HOME_POWER_KW = 23.0
"""More than any home's AC supply gives a car (three phases of 32 A are 22 kW)."""


class PlaceEvidence(Struct, frozen=True):
    """Whether the car is at home, the time of that measurement (aware UTC), and whether a stray fix is ruled out."""

    at_home: bool
    measured_at: datetime
    clearly_away: bool = False


def distance_m(a_latitude: float, a_longitude: float, b_latitude: float, b_longitude: float) -> float:
    """The great-circle distance in metres between two points in WGS 84 degrees (haversine, mean earth radius)."""
    a_lat, a_lon, b_lat, b_lon = map(radians, (a_latitude, a_longitude, b_latitude, b_longitude))
    half_chord = sin((b_lat - a_lat) / 2) ** 2 + cos(a_lat) * cos(b_lat) * sin((b_lon - a_lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half_chord)))


def place_evidence(
    whereabouts: Whereabouts | None, *, home: Home | None, home_location_id: str | None, observed_at: datetime
) -> PlaceEvidence | None:
    """The evidence for or against home in the reported place; None when there is none.

    Args:
        whereabouts: the place that the source reported, or None.
        home: the site's home and its radius, if the app gave one.
        home_location_id: the provider's id of the home, if one was given at onboarding. With it, any other known
            place, and a known absence of a place, is evidence of not being at home.
        observed_at: the time of the observation (aware UTC).
    """
    if whereabouts is None:
        return None
    position, outside_m = whereabouts.position, _metres_outside(whereabouts.position, home)
    by_name, named_at = _by_name(whereabouts, home_location_id), whereabouts.measured_at or observed_at
    if position is None or outside_m is None:
        return None if by_name is None else PlaceEvidence(by_name, named_at)
    far = outside_m > CLEARLY_AWAY_M
    if by_name is None:
        return PlaceEvidence(outside_m <= 0, position.at, far)
    if far and _utc(position.at) >= _utc(named_at):
        return PlaceEvidence(False, position.at, clearly_away=True)
    return PlaceEvidence(by_name, named_at)


def resolve_home(
    observation: Observation, *, home: Home | None, home_location_id: str | None, power_kw: float | None = None
) -> Observation:
    """The same observation with ``at_home`` decided and the whereabouts gone.

    A plain ``at_home`` of the source stands. ``power_kw`` is the rated power of the asset: a car that draws more than
    ``HOME_POWER_KW`` is elsewhere, unless the asset itself is rated above it.
    """
    evidence = None
    if observation.at_home is None:
        evidence = place_evidence(
            observation.whereabouts, home=home, home_location_id=home_location_id, observed_at=observation.at
        )
    bare = replace(observation, whereabouts=None)
    if evidence is not None:
        measured_at = min(_utc(evidence.measured_at), _utc(observation.at))
        bare = replace(
            bare,
            at_home=evidence.at_home,
            clearly_away=evidence.clearly_away,
            place_measured_at=measured_at if measured_at != observation.at else None,
        )
    if (bare.fast_charging and not bare.at_home) or _draws_too_much(observation.power_kw, power_kw):
        return replace(bare, at_home=False, clearly_away=True, place_measured_at=None)
    return bare


def _draws_too_much(drawn_kw: float | None, rated_kw: float | None) -> bool:
    if drawn_kw is None or not isfinite(drawn_kw) or drawn_kw <= HOME_POWER_KW:
        return False
    return rated_kw is None or rated_kw <= HOME_POWER_KW


def _by_name(whereabouts: Whereabouts, home_location_id: str | None) -> bool | None:
    if whereabouts.home_flag is not None:
        return whereabouts.home_flag
    if home_location_id is not None and (whereabouts.location_id_known or whereabouts.location_id is not None):
        return whereabouts.location_id == home_location_id
    return None


def _metres_outside(position: Position | None, home: Home | None) -> float | None:
    if position is None or home is None or not _is_a_fix(position):
        return None
    return distance_m(position.latitude, position.longitude, home.latitude, home.longitude) - home.radius_m


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def _is_a_fix(position: Position) -> bool:
    """Whether the position is a fix: receivers without one report zero, zero, which lies in the sea."""
    if not (isfinite(position.latitude) and isfinite(position.longitude)):
        return False
    if position.latitude == 0 and position.longitude == 0:
        return False
    return abs(position.latitude) <= 90 and abs(position.longitude) <= 180
