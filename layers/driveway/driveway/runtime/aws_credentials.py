"""Who calls AWS, and where: from the environment in Lambda, from an operator's profile elsewhere."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.exceptions import NoCredentialsError, NoRegionError
from msgspec import Struct


class Credentials(Struct, frozen=True):
    """An access key; ``token`` belongs to temporary ones."""

    access_key: str
    secret_key: str
    token: str | None = None


def credentials(environ: Mapping[str, str]) -> Credentials:
    """The credentials of the environment, as Lambda gives them; else those that botocore finds.

    Raises:
        NoCredentialsError: there are none.
    """
    if "AWS_ACCESS_KEY_ID" in environ:
        token = environ.get("AWS_SESSION_TOKEN") or None
        return Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
    return _found()


def _found() -> Credentials:
    found = _session().get_credentials()
    if found is None:
        raise NoCredentialsError
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


def region_of(environ: Mapping[str, str]) -> str:
    """The region of the environment; else the one that botocore finds.

    Raises:
        NoRegionError: there is none.
    """
    given = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if given:
        return given
    region: str | None = _session().get_config_variable("region")
    if region is None:
        raise NoRegionError
    return region


@cache
def _session() -> Any:
    """What reads an operator's profile and files: a function in Lambda has all in its environment."""
    import botocore.session

    return botocore.session.get_session()
