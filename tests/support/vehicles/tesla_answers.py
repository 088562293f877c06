"""A Tesla behind a proxy, and what the proxy answers."""

from datetime import UTC, datetime

from driveway.domain.twin import Vehicle
from tests.support.vehicles.provider_api import Reply

BASE = "https://proxy.example.com"
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
CAR = Vehicle("tesla", "5YJ30000000000001")
DONE = Reply(200, {"response": {"result": True, "reason": ""}})
ASLEEP = Reply(500, {"response": None, "error": "vehicle unavailable: vehicle is offline or asleep"})


def refusal(reason: str) -> Reply:
    return Reply(200, {"response": {"result": False, "reason": reason}})


def fault(status: int, text: str = "", description: str = "") -> Reply:
    return Reply(status, {"response": None, "error": text, "error_description": description})
