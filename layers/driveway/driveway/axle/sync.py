"""Carries out what ``domain.axle_sync`` says: call Axle, note the answer on the twin, go on until nothing is left."""

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.domain.axle_sync import AxleCall, acknowledged, next_call, put_off, refused
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime

MOST_CALLS = 8


def sync(asset: str, current: Runtime) -> None:
    """Tell Axle what it does not know yet of the asset. Raises UnknownAssetError."""
    twin = current.table.twin(asset)
    for _ in range(MOST_CALLS):
        now = current.now()
        call = next_call(twin, now)
        if call is None or (twin.axle.retry_at is not None and now < twin.axle.retry_at):
            break
        twin, available = _made(asset, call, current)
        if not available:
            return
    # The due index may still name an instant that has passed: bring it up to date.
    current.table.change_twin(asset, lambda fresh: fresh, now=current.now())


def _made(asset: str, call: AxleCall, current: Runtime) -> tuple[Twin, bool]:
    """Make one call and note its answer; the twin then, and whether Axle was there to answer."""
    try:
        current.axle.post(call.path, call.body)
    except AxleRefusedError as error:
        status, words = error.status, error.detail
        current.logger.warning("Axle refused", extra={"call": call.kind, "status": status})

        def note(twin: Twin) -> Twin:
            return refused(twin, call, status=status, detail=words, now=current.now())

        available = True
    except AxleUnavailableError as error:
        wait_s, words, chance = error.retry_after_s, error.detail, current.random.random()
        current.logger.info("Axle unavailable", extra={"call": call.kind, "status": error.status})

        def note(twin: Twin) -> Twin:
            return put_off(twin, words, now=current.now(), wait_s=wait_s, spread=chance)

        available = False
    else:

        def note(twin: Twin) -> Twin:
            return acknowledged(twin, call, current.now())

        available = True
    return current.table.change_twin(asset, note, now=current.now()).after, available
