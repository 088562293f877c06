"""A change of a preference, stored and answered."""

from driveway.domain.axle_sync.differences import mark_unacknowledged
from driveway.domain.preferences.changes import PreferenceChange
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.idempotency_key import once
from driveway.status.axle_state import axle_sync_status


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
        answer = {**change.answer(twin), **axle_sync_status(twin, now), "warnings": warnings, "revision": twin.revision}
        return Answer(202, answer, {"etag": f'"{twin.revision}"'})

    return once(request, runtime.records, now, do)
