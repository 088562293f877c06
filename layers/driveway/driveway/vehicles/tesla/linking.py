"""Tesla's sign-in for an owner, and the page on which the owner lets us command the car.

https://developer.tesla.com/docs/fleet-api: OAuth authorisation code; the virtual key is installed at
``https://tesla.com/_ak/<domain>``. The app exchanges the code that comes back, and gives the refresh token in the
site's ``PUT``.
"""

from driveway.vehicles.linking import ConnectLink, LinkRequest, NoLinkError, with_query
from driveway.vehicles.provider import Call

SCOPES = "openid offline_access vehicle_device_data vehicle_location vehicle_cmds vehicle_charging_cmds"
KEY_PAGE = "https://tesla.com/_ak/"


class TeslaLinking:
    """Makes the address of the sign-in; Tesla is not called."""

    def link(self, call: Call, request: LinkRequest) -> ConnectLink:
        """The link. Raises NoLinkError."""
        client_id = request.credentials.get("client_id")
        if not client_id:
            raise NoLinkError("The secret of the providers has no 'client_id' of Tesla's.", refused=True)
        url = with_query(
            call.extra["authorize_url"],
            response_type="code",
            client_id=client_id,
            redirect_uri=request.return_url,
            scope=SCOPES,
            state=request.state,
            prompt_missing_scopes="true",
            show_keypair_step="true",
        )
        domain = call.extra.get("key_domain")
        return ConnectLink(url, key_url=KEY_PAGE + domain if domain else None)
