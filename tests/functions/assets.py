"""Assets for the tests of single functions: on the stage without Axle having been asked, and what is sent about them."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from driveway.domain.twin import Link, Observed, Presence, Session, Twin, Vehicle, Window
from driveway.domain.twin import Intent, Tariff
from driveway.store.sites import Claim, SiteRecord, claims_of
from driveway.vehicles.signatures import hmac_hex
from tests.functions.rig import ROOT, Reply, Rig, function

EVENTS = ROOT / "events"
AXLE_ASSET = "0d6a2f0e-6f0e-4b7e-9a0c-0a5b1c2d3e4f"
AXLE_SITE = "5b0f6a0e-0000-4b7e-9a0c-0a5b1c2d3e4f"
AXLE_SECRET = "axle-webhook-secret"
EVERY_DAY = {day: "07:00" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
