"""What every car maker's module gives for a driver who connects a car, or connects it again: a page to open."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from msgspec import Struct

from driveway.domain.twin import Vehicle
from driveway.vehicles.provider import Call


class NoLinkError(Exception):
    """The maker gives no link: it refuses (``refused``), or it does not answer now."""

    def __init__(self, detail: str, *, refused: bool) -> None:
        super().__init__(detail)
        self.refused = refused


class LinkRequest(Struct, frozen=True):
    """Who connects what.

    Attributes:
        user_id: the app's own id of the driver at the maker, where the maker keeps users by it (Enode).
        vehicle: the vehicle that is connected again; None for a new one.
        return_url: where the maker sends the driver afterwards.
        state: comes back at ``return_url``, so that the app knows which call the driver came back from.
        credentials: our own at the maker, for the ids in the link. No secret of them goes into it.
    """

    user_id: str | None
    vehicle: Vehicle | None
    return_url: str
    state: str
    language: str
    credentials: Mapping[str, str]


class ConnectLink(Struct, frozen=True):
    """The page to open, and until when it can be used (aware UTC; None: any time).

    ``key_url`` is a second page, on which the driver lets us command the car (Tesla's virtual key).
    """

    url: str
    expires_at: datetime | None = None
    key_url: str | None = None


class Linking(Protocol):
    """The part of a provider that makes links for drivers."""

    def link(self, call: Call, request: LinkRequest) -> ConnectLink:
        """A new link. Raises NoLinkError."""
        ...


LINK_LASTS = timedelta(hours=24)


def with_query(url: str, **parameters: str) -> str:
    """A URL with further query parameters."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return urlunsplit(parts._replace(query=query))
