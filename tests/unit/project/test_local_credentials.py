"""The local stack's credentials: new ones for simulators, those of the environment for other servers."""

import pytest

from local.credentials import LOGINS, SETTINGS, credentials_of_a_stack
from local.processes import NotReadyError

GIVEN = {setting: f"value of {setting}" for setting in SETTINGS}


def test_another_server_gets_the_credentials_of_the_environment() -> None:
    made = credentials_of_a_stack(dict.fromkeys(LOGINS, "https://server.example"), GIVEN)
    assert made["axle"] == {"username": "value of AXLE_USERNAME", "password": "value of AXLE_PASSWORD"}
    assert made["providers"]["enode"]["client_secret"] == "value of ENODE_CLIENT_SECRET"
    assert made["providers"]["ocpp"] == {"token": "value of OCPP_TOKEN"}


@pytest.mark.parametrize(("name", "setting"), [("axle", "AXLE_PASSWORD"), ("tesla", "TESLA_CLIENT_ID")])
def test_another_server_without_its_credentials_is_refused_with_their_names(name: str, setting: str) -> None:
    with pytest.raises(NotReadyError, match=setting):
        credentials_of_a_stack({name: "https://server.example"}, {**GIVEN, setting: ""})


def test_a_simulator_gets_new_credentials_whatever_the_environment_has() -> None:
    one, other = credentials_of_a_stack({}, GIVEN), credentials_of_a_stack({}, GIVEN)
    assert one["axle"]["password"] != other["axle"]["password"]
    assert one["axle"]["password"] not in GIVEN.values()
