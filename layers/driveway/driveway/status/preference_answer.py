"""A change of a preference, stored and answered."""

from typing import Annotated

from msgspec import Meta, Struct, to_builtins

from driveway.domain.axle_sync.differences import mark_unacknowledged
from driveway.domain.preferences.changes import PreferenceChange
from driveway.domain.twin import Twin
from driveway.runtime.answer_types import Revision
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.idempotency_key import once
from driveway.status.axle_state import AxleState, axle_state


class Stored(Struct, frozen=True, kw_only=True):
    """What every change of a preference answers beside the preference."""

    axle: AxleState
    warnings: Annotated[list[str], Meta(description="What was lost or assumed, in sentences.")]
    revision: Revision


def stored_answer(request: Request, runtime: Runtime, change: PreferenceChange) -> Answer:
    """Store a change in one conditional write; 202 with the preference as it is stored.

    Raises the errors of the change, RevisionMismatchError, UnknownAssetError, ContentionError or ProblemError.
    """
    now, asset, revision = runtime.now(), request.parameters["asset"], request.if_match()

    def rule(twin: Twin) -> Twin:
        return mark_unacknowledged(change.rule(twin, now), now)

    def do() -> Answer:
        twin = runtime.table.change_twin(asset, rule, now=now, expect_revision=revision).after
        warnings = list(change.warnings(twin, now))
        preference = change.answer(twin)
        stored = Stored(axle=axle_state(twin, now), warnings=warnings, revision=twin.revision)
        answer = {**(to_builtins(preference) if preference is not None else {}), **to_builtins(stored)}
        return Answer(202, answer, {"etag": f'"{twin.revision}"'})

    return once(request, runtime.records, now, do)
