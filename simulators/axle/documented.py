"""The schedule of Axle's first documented scenario, as its documentation prints it."""

from typing import Any


def scenario_profile(*, start: str = "2026-01-15T22:00:00+00:00") -> dict[str, Any]:
    """A night of nine hours from ``start``: hold for 1.5 hours, charge for six, hold for 1.5."""
    return {
        "chargingProfileId": None,
        "transactionId": None,
        "stackLevel": 1100,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "recurrencyKind": None,
        "validFrom": None,
        "validTo": None,
        "chargingSchedule": {
            "duration": 32400,
            "startSchedule": start,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 0.0, "numberPhases": 1},
                {"startPeriod": 5400, "limit": 99999.0, "numberPhases": 1},
                {"startPeriod": 27000, "limit": 0.0, "numberPhases": 1},
            ],
            "minChargingRate": 0.0,
        },
    }
