"""The values that Axle may know beside those it acknowledged, because the answer to a report was lost. Pure."""

from datetime import datetime

from driveway.domain.axle_sync.calls import acknowledged_values
from driveway.domain.twin import AxleDoubt, AxleLost, AxleState, Twin

MOST_PLUG_DOUBTS = 3


def doubts(twin: Twin, now: datetime) -> tuple[AxleDoubt, ...]:
    """The reports that Axle may or may not have received.

    They had no answer; or the instance that made them has vanished; or other calls followed, and Axle may have carried
    out the lost one after those.
    """
    axle, claim = twin.axle, twin.axle.call_claim
    unanswered = with_doubts(axle.doubts, claim.reports) if claim is not None and now >= claim.until else axle.doubts
    late = tuple(lost.reported for lost in overtaken(axle) if lost.until <= now)
    if AxleDoubt("plug") in late and axle.charge_now is not None and now < axle.charge_now.until:
        # Axle does not document whether a plug-out ends the charge-now.
        late = (*late, AxleDoubt("charge_now"))
    return with_doubts(unanswered, late) if late else unanswered


def overtaken(axle: AxleState) -> list[AxleLost]:
    """The lost reports whose value differs from the one that Axle has acknowledged since."""
    values = acknowledged_values(axle) if axle.lost else {}
    return [lost for lost in axle.lost if values[lost.reported.subject] != lost.value]


def with_doubts(known: tuple[AxleDoubt, ...], further: tuple[AxleDoubt, ...]) -> tuple[AxleDoubt, ...]:
    """Doubts joined, each once. Three sessions are enough to know that Axle may believe in another one."""
    joined = tuple(doubt for doubt in known if doubt not in further) + further
    plugs = [doubt for doubt in joined if doubt.subject == "plug"]
    dropped = set(plugs[:-MOST_PLUG_DOUBTS])
    return tuple(doubt for doubt in joined if doubt not in dropped)
