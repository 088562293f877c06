"""What Axle answers in the documented calls, in the shapes of its API description 1.4.6."""

from typing import Any

AXLE_SITE = "2b6f0a52-5d1e-4f7c-9a3d-6c1e8f0b7d24"
AXLE_ASSET = "6f0c2f4e-6a5e-4f0e-9d7a-0d5f3b7f3a10"
PROPOSITION = "full_asset_schedule_control"

ONBOARDED: dict[str, Any] = {
    "site": {"site_id": AXLE_SITE, "site_created": True, "fields_updated": [], "warnings": []},
    "assets": [
        {
            "asset_id": AXLE_ASSET,
            "external_id": "car-1",
            "asset_created": True,
            "fields_updated": [],
            "warnings": [],
        }
    ],
    "enrolment": {"site_id": AXLE_SITE, "status": "enrolled"},
}

REWARDS_INFO = {
    "current_balance_pence": 1240,
    "total_earnings_pence": 3240,
    "minimum_withdrawal_threshold_pence": 500,
    "withdrawal_min_wait_days": 0,
    "can_withdraw": True,
}

METER = {
    "mpan": "1100000000008",
    "half_hourly_settled": True,
    "supplier_mpid": "EXMP",
    "supplier_name": "Example Energy",
    "eligible_markets": ["wholesale"],
}
METER_REFERENCE = "gAAAAABl0f3c"

ANSWERS: dict[str, Any] = {
    "/meter/search": [{"ref": METER_REFERENCE, "address": "4 Sample Road, London, EC1A 1BB"}],
    f"/meter/by-ref/{METER_REFERENCE}": METER,
    "/meter/by-address": METER,
    "/auth/component-token": {
        "id": "5a0b1f7e-5c1d-4d0e-9a58-1f2f0c6f8d11",
        "access_token": "an-access-token",
        "token_type": "bearer",
    },
    f"/entities/site/{AXLE_SITE}/flex-events": {
        "site_id": AXLE_SITE,
        "events": [
            {
                "start_at": "2026-01-10T17:00:00Z",
                "end_at": "2026-01-10T18:00:00Z",
                "estimated_gross_revenue_gbp": 1.25,
                "final_gross_revenue_gbp": 1.31,
            },
            {"start_at": "2026-01-14T17:00:00Z", "end_at": "2026-01-14T17:30:00Z", "estimated_gross_revenue_gbp": -0.1},
        ],
    },
    "/auth/token-form": {"access_token": "unused", "token_type": "bearer"},
    "/validation/mpan": {"isValid": True},
    "/entities/site/check-eligibility": {
        "is_half_hourly_settled": True,
        "propositions": [{"proposition": PROPOSITION, "is_eligible": True, "issues": []}],
    },
    "/entities/site/onboard": ONBOARDED,
    f"/entities/site/{AXLE_SITE}/enrol": {"site_id": AXLE_SITE, "status": "enrolled"},
    f"/entities/site/{AXLE_SITE}/unenrol": {"site_id": AXLE_SITE, "status": "unenrolled"},
    f"/entities/site/{AXLE_SITE}/offboard-site-and-assets": {},
    f"/rewards/{AXLE_SITE}/info": REWARDS_INFO,
    f"/rewards/{AXLE_SITE}/url/balance": {
        "balance_withdrawal_url": "https://rewards.example/withdraw/4f1c",
        "url_expiry_timestamp": "2026-01-16T09:30:00Z",
    },
    f"/rewards/{AXLE_SITE}/transactions": {
        "site_id": AXLE_SITE,
        "transactions": [
            {
                "transaction_type": "flex period",
                "transaction_id": "9c2f7f7e-3b0f-4b57-8a3f-0e6a1f5b2c11",
                "start_time": "2025-12-01T00:00:00Z",
                "end_time": "2026-01-01T00:00:00Z",
                "settlement_date": "2026-01-05",
                "flex_kwh": 212.4,
                "credit_pence": 2000,
            }
        ],
        "is_below_withdrawal_minimum": False,
    },
}
