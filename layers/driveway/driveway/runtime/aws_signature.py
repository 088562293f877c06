"""AWS Signature Version 4 for POST requests with a body and no query."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from hmac import digest
from urllib.parse import urlsplit

from driveway.runtime.aws_credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


def signed(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """The headers with those that sign them and the body; ``now`` is aware UTC (SigV4, "Create a signed request")."""
    at = now.strftime("%Y%m%dT%H%M%SZ")
    split = urlsplit(url)
    sent = {**headers, "X-Amz-Date": at}
    if credentials.token:
        sent["X-Amz-Security-Token"] = credentials.token
    covered = {name.lower(): " ".join(value.split()) for name, value in sent.items()} | {"host": split.netloc}
    names = ";".join(sorted(covered))
    canonical = "\n".join(
        [
            "POST",
            split.path or "/",
            "",
            *(f"{name}:{covered[name]}" for name in sorted(covered)),
            "",
            names,
            sha256(body).hexdigest(),
        ]
    )
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, at, scope, sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = digest(key, part.encode(), "sha256")
    signature = digest(key, to_sign.encode(), "sha256").hex()
    signer = f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**sent, "Authorization": signer}
