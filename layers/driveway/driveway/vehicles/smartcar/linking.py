"""Smartcar Connect: the same page connects a vehicle and connects it again.

https://smartcar.com/docs: ``application_id`` is the application's UUID, not the client id. What comes back at the
return address is ``user_id``, ``external_id`` and ``state``.
"""

from driveway.vehicles.linking import ConnectLink, LinkRequest, NoLinkError, with_query
from driveway.vehicles.provider import Call

PERMISSIONS = "required:read_charge read_battery read_location read_vehicle_info required:control_charge"


class SmartcarLinking:
    """Makes the address of Connect; Smartcar is not called."""

    def link(self, call: Call, request: LinkRequest) -> ConnectLink:
        """The link. Raises NoLinkError."""
        application = request.credentials.get("application_id")
        if not application:
            raise NoLinkError("The secret of the providers has no 'application_id' of Smartcar's.", refused=True)
        url = with_query(
            call.extra["connect_url"],
            response_type="code",
            application_id=application,
            redirect_uri=request.return_url,
            scope=PERMISSIONS,
            state=request.state,
            mode=call.extra.get("connect_mode", "live"),
        )
        return ConnectLink(url)
