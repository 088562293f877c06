"""A success that is not in the form of a provider's API is an answer lost: a gateway's page may come with 200."""

from datetime import UTC, datetime
from typing import Any

import pytest

from driveway.domain.twin import OutcomeKind, Vehicle
from driveway.vehicles.enode.commands import EnodeCommands
from driveway.vehicles.http_call import Answer, Unanswered, send
from driveway.vehicles.ocpp.commands import OcppCommands
from driveway.vehicles.provider import Commands
from driveway.vehicles.smartcar.commands import SmartcarCommands
from driveway.vehicles.tesla.commands import TeslaCommands
from tests.support.vehicles.provider_api import ProviderApi, Reply, call_to

NOW = datetime(2026, 1, 15, 22, tzinfo=UTC)
BASE = "https://provider.example"
PAGES = ["<html>maintenance</html>", "", "OK", '"OK"', "[]", "null", "true", "7", "{}", '{"message": "maintenance"}']
PROVIDERS: dict[str, Commands] = {
    "enode": EnodeCommands(),
    "smartcar": SmartcarCommands(),
    "tesla": TeslaCommands(),
    "ocpp": OcppCommands(),
}


def vehicle(provider: str) -> Vehicle:
    return Vehicle(provider, "5YJ3E1EA7KF000316", user_id="user-1")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("command", ["start", "stop", "read_state"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_page_with_200_neither_obeys_nor_refuses_a_command(provider: str, command: str, page: str) -> None:
    api = ProviderApi([Reply(200, page)])
    arguments: dict[str, Any] = {"limit_kw": None} if command == "start" else {}
    outcome = getattr(PROVIDERS[provider], command)(call_to(api, BASE, NOW), vehicle(provider), **arguments)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.unavailable
    assert outcome.observations == ()
    assert "200" in outcome.detail


def test_a_tesla_is_asked_what_it_does_after_a_page_came_in_place_of_an_answer() -> None:
    api = ProviderApi([Reply(200, "<html>maintenance</html>")])
    TeslaCommands().stop(call_to(api, BASE, NOW), vehicle("tesla"))
    assert [asked.method for asked in api.asked] == ["POST", "GET"]


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("{")])
def test_a_success_without_a_json_object_is_no_answer(page: str) -> None:
    answer = send(call_to(ProviderApi([Reply(200, page)]), BASE, NOW), "GET", BASE, timeout_s=(1, 1))
    assert answer == Unanswered("The provider answered 200 in a form that its API does not describe.", sent=True)


@pytest.mark.parametrize(("status", "page"), [(204, ""), (404, "<html>"), (503, "<html>maintenance</html>")])
def test_a_204_needs_no_body_and_an_error_says_enough_by_its_status(status: int, page: str) -> None:
    answer = send(call_to(ProviderApi([Reply(status, page)]), BASE, NOW), "GET", BASE, timeout_s=(1, 1))
    assert isinstance(answer, Answer)
    assert answer.status == status
