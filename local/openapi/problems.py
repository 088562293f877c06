"""The problem types: found where the code raises them, explained here."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from driveway.sites.axle_problems import ADVICE
from local.openapi.routes import ROOT


@dataclass
class Raised:
    """A problem type as the code raises it."""

    kind: str
    statuses: set[int] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)


MEANINGS = {
    "axle-conflict": "Axle has the asset at another site or as another type.",
    "axle-invalid": "Axle finds the request invalid; its text is in `axle_detail`.",
    "axle-not-eligible": "Axle does not find the site eligible.",
    "axle-not-found": "Axle does not know something that the call names.",
    "axle-refused": "Axle refused for a reason that the caller cannot change; the operator should look into it.",
    "bad-signature": "The signature over the raw body is missing, wrong or too old.",
    "balance-outstanding": "Rewards have not been withdrawn: `amount_pence`, and the link in `withdrawal`.",
    "forbidden": "The token is valid, but not for this route.",
    "idempotency-key-reused": "The Idempotency-Key was used with another body within 24 hours.",
    "internal": "A fault of ours. Repeat the call.",
    "invalid-body": "The body was read and cannot be accepted; every fault is in `errors`.",
    "invalid-profile": "The charging profile cannot be followed; the fault is in `errors`.",
    "malformed": "The request cannot be read: not JSON, a wrong query parameter or header.",
    "no-car-linked": "No car is linked to the asset.",
    "no-connect-link": "The car maker gives no link to connect a car; its answer or what is missing is in `detail`.",
    "no-import-meter": "The MPAN has no connected import meter.",
    "no-unique-meter": "There is no meter at the address, or more than one. Search by postcode instead.",
    "not-enrolled": "The site does not take part (any more).",
    "not-found": "There is no such site, asset, provider or route.",
    "not-onboarded": "The site's onboarding was begun and not finished. Repeat its `PUT`.",
    "not-plugged-in": "The car is not plugged in at home and schedules ahead of that are refused in this stack.",
    "owned-elsewhere": "The asset, the vehicle or Axle's asset belongs to another; `owner` says to which.",
    "revision-mismatch": "`If-Match` names another revision than the present one, which is in `revision`.",
    "schedule-over": "The schedule lies wholly in the past.",
    "too-many-periods": "With this schedule the asset would have more than 16 schedules, or more than 4032 periods in "
    "them that are not over.",
    "site-leaving": "The site is being erased. Finish its `DELETE` first.",
    "too-large": "The body is larger than 256 KiB, before or after decompression.",
    "unauthorized": "The bearer token is missing or not valid.",
    "unavailable": "We or Axle cannot answer now. Repeat the call after `Retry-After` seconds.",
    "unknown-asset-model": "Axle does not know the asset model.",
    "withdrew-before": "The driver withdrew before. Only a deliberate act lifts it: `rejoin: true`.",
}


@cache
def raised() -> dict[str, Raised]:
    """Every problem type that the deployed code can raise, by its kind, in alphabetical order.

    Raises:
        ValueError: a ``ProblemError`` takes its kind from where this cannot follow.
    """
    found: dict[str, Raised] = {}
    for kind, status, title in _all():
        entry = found.setdefault(kind, Raised(kind))
        entry.statuses.add(status)
        entry.titles.add(title)
    return dict(sorted(found.items()))


def _all() -> Iterator[tuple[str, int, str]]:
    for status, (kind, title, _) in ADVICE.items():
        yield kind, status, title
    for folder in ("layers/driveway/driveway", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    yield from _of_call(node, path.name)


def _of_call(node: ast.Call, where: str) -> Iterator[tuple[str, int, str]]:
    if not isinstance(node.func, ast.Name) or node.func.id not in {"ProblemError", "ScheduleRefusedError"}:
        return
    given = [value.value if isinstance(value, ast.Constant) else ast.unparse(value) for value in node.args[:3]]
    if node.func.id == "ScheduleRefusedError":
        yield str(given[0]), 409, "The schedule cannot be taken"
        return
    status, kind, title = given
    if kind in {"error.kind", "kind"}:
        # A ScheduleRefusedError's own kind, and one out of ADVICE: both are counted where they come from.
        return
    if not (isinstance(status, int) and isinstance(node.args[1], ast.Constant)):
        raise ValueError(f"{where}:{node.lineno} raises a problem whose type is not written there.")
    yield str(kind), status, str(title)
