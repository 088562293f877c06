"""Which stack a command talks to: the one that the environment names, or the local one."""

import json
import os
from pathlib import Path

STACK = Path(".local/stack.json")


def stack_address(token_setting: str, token_name: str) -> tuple[str, str]:
    """The API's address and a token: ``API_URL`` and ``token_setting`` of the environment, else the local stack's."""
    url, token = os.environ.get("API_URL"), os.environ.get(token_setting)
    if url and token:
        return url.rstrip("/"), token
    stack = json.loads(STACK.read_text())
    return str(stack["api_url"]).rstrip("/"), str(stack[token_name])
