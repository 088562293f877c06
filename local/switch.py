"""The operator's switch from the command line: ``make release-all`` and ``make resume-all``.

``API_URL`` and ``OPERATOR_TOKEN`` name the stack; without them it is the local one.
"""

import sys
import time
from typing import Any

import requests

from local.stack_address import stack_address

LONGEST_WAIT_S = 3600.0
POLL_S = 5.0


def main(state: str) -> int:
    """Switch, and wait until no car is held any more; 0 once that is so."""
    url, token = stack_address("OPERATOR_TOKEN", "operator_token")
    with requests.Session() as http:
        http.headers["authorization"] = f"Bearer {token}"
        answer = http.put(f"{url}/control", json={"state": state}, timeout=30)
        if not answer.ok:
            print(f"The switch was refused: {answer.status_code} {answer.text}")
            return 1
        print(f"Control is {state}.")
        return 0 if state == "running" else _wait(http, url)


def _wait(http: requests.Session, url: str) -> int:
    give_up_at = time.monotonic() + LONGEST_WAIT_S
    while True:
        held: dict[str, Any] = http.get(f"{url}/control", timeout=30).json()["cars_held"]
        if held["held"] == 0 and held["counted_all"]:
            print("Every car is released.")
            return 0
        print(f"{held['held']} cars{'' if held['counted_all'] else ' and perhaps more'} are not released yet.")
        if time.monotonic() >= give_up_at:
            print("They cannot be reached. See 'The switch for everything' in docs/operations.md.")
            return 1
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
