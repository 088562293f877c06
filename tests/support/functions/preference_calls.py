"""The app's calls about an asset's preferences."""

from collections.abc import Mapping
from typing import Any

from tests.support.functions.rig import Reply, Rig


def send(
    rig: Rig,
    what: str,
    body: Any = None,
    *,
    method: str = "PUT",
    asset: str = "car-1",
    headers: Mapping[str, str] | None = None,
    scope: str = "app",
    **path: str,
) -> Reply:
    """The answer to a call of ``/assets/{asset}/`` and ``what``; ``path`` gives the values of further placeholders."""
    route = f"{method} /assets/{{asset}}/{what}"
    return rig.serve("preferences", route, body, headers=headers, scope=scope, asset=asset, **path)
