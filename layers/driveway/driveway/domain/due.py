"""The times at which the two reconcilers have to run for a twin again. Pure."""

from datetime import datetime

from msgspec import Struct

from driveway.domain.axle_sync.differences import axle_due
from driveway.domain.control.reconcile import control_due
from driveway.domain.control.settings import ControlRules
from driveway.domain.reports.session_energy import facts_due
from driveway.domain.twin import Twin


class Dues(Struct, frozen=True):
    """The instants (aware UTC) at which Axle sync and charge control are due; None where nothing is ahead."""

    axle: datetime | None
    control: datetime | None


def dues(twin: Twin, now: datetime, rules: ControlRules) -> Dues:
    """The due times of the twin as it is at ``now`` (aware UTC).

    The function of charge control also records plug facts that the half-hours do not hold.
    """
    control = (control_due(twin, now, rules), facts_due(twin, now))
    return Dues(axle=axle_due(twin, now), control=min((at for at in control if at is not None), default=None))
