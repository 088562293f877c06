"""Bodies that are like a sound one, bodies of any form, and how many are drawn."""

import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

ODD = st.sampled_from(
    [
        None, True, False, 0, -1, 7, 1e-300, 1e300, -1e300, 10**400, -(10**400), 2**63, "", " ", "\x00", "\ud800", "é",
        "x" * 5000, "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-01-15T20:00:00Z", "24:00", "23:59",
        "localtime", "Europe/London", "../etc/passwd", [], {}, [[]], [None] * 200, {"\ud800": 1}, {"x" * 3000: 1},
    ]
).map(copy.deepcopy)  # fmt: skip
"""Each value is a copy: a list that a body shares with later ones would be changed with it, or come to hold itself."""
ANYTHING = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """A body of which some values are replaced, left out or added."""
    changed = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(1, 4))):
        inner = changed
        while inner:
            key = draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
            if not isinstance(inner[key], dict | list) or not inner[key] or draw(st.booleans()):
                break
            inner = inner[key]
        if not inner:
            continue
        deed = draw(st.sampled_from(["replace", "replace", "drop", "add"])) if isinstance(inner, dict) else "replace"
        if deed == "drop":
            del inner[key]
        else:
            inner[draw(st.text(max_size=5)) if deed == "add" else key] = draw(ANYTHING)
    return changed


def few(examples: int) -> settings:
    """So many examples, or as many as ``FUZZ`` says. A failure is shown as it was drawn: shrinking takes minutes."""
    return settings(
        max_examples=int(os.environ.get("FUZZ", examples)),
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
