"""Ends the telemetry of a Tesla. The owner's token ends with the last car of the account (``vehicles.accounts``)."""

from driveway.domain.twin import Vehicle
from driveway.vehicles.leaving import TIMEOUT_S, InUse, NotEndedError, refused
from driveway.vehicles.provider import Call
from driveway.vehicles.tesla import api


class TeslaLeaving:
    """A Tesla sends what its telemetry configuration lists, until that is deleted or the owner ends our access."""

    def disconnect(self, call: Call, vehicle: Vehicle, in_use: InUse) -> None:
        """Delete the telemetry configuration; Tesla deletes it with the owner's access. Raises NotEndedError."""
        del in_use
        answer = api.request(call, vehicle, "DELETE", "/fleet_telemetry_config", timeout_s=TIMEOUT_S, kind="data")
        try:
            refused(answer, call)
        except NotEndedError as error:
            if not error.needs_user and error.status not in {401, 403}:
                raise
