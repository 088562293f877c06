"""Enode's pages for connecting a vehicle: Link UI for a new one, relinking for one whose account was disconnected.

Enode API 2024-10-01: ``POST /users/{userId}/link`` and ``POST /assets/{assetId}/relink``; a link is good for 24 hours
and once. Enode has no ``state``, so it stands in the return address.
"""

from urllib.parse import quote

from driveway.vehicles.http_call import Unanswered, send
from driveway.vehicles.json_values import text
from driveway.vehicles.leaving import TIMEOUT_S
from driveway.vehicles.linking import LINK_LASTS, ConnectLink, LinkRequest, NoLinkError, with_query
from driveway.vehicles.provider import Call

SCOPES = ["vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"]


class EnodeLinking:
    """Makes a session of Enode's Link UI."""

    def link(self, call: Call, request: LinkRequest) -> ConnectLink:
        """A new link. Raises NoLinkError."""
        body = {
            "scopes": SCOPES,
            "language": request.language,
            "redirectUri": with_query(request.return_url, state=request.state),
        }
        if request.vehicle is not None:
            path = f"/assets/{quote(request.vehicle.vehicle_id, safe='')}/relink"
        elif request.user_id is not None:
            path, body = f"/users/{quote(request.user_id, safe='')}/link", {"vendorType": "vehicle", **body}
        else:
            raise NoLinkError("Enode keeps drivers by your own id of them: give 'user_id'.", refused=True)
        answer = send(call, "POST", call.base_url + path, timeout_s=TIMEOUT_S, body=body, kind="data")
        if isinstance(answer, Unanswered):
            raise NoLinkError(answer.detail, refused=False)
        url = text(answer.fields.get("linkUrl"))
        if not answer.is_success or url is None:
            refused = 400 <= answer.status < 500 and answer.status != 429
            raise NoLinkError(f"Enode answered {answer.status} and gave no link.", refused=refused)
        return ConnectLink(url, expires_at=call.now + LINK_LASTS)
