"""The link of a car in the tests: what onboarding knows of it."""

from datetime import datetime
from typing import Any

from driveway.domain.twin import Link


def a_link(onboarded_at: datetime, **changes: Any) -> Link:
    """An enrolled car of 7.4 kW in London."""
    known: dict[str, Any] = {
        "site": "home-1",
        "asset": "car-1",
        "type": "electric_vehicle",
        "power_kw": 7.4,
        "timezone": "Europe/London",
        "axle_site_id": "axle-site",
        "axle_asset_id": "axle-asset",
        "enrolled": True,
        "onboarded_at": onboarded_at,
    }
    return Link(**known | changes)
