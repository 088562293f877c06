"""The two ways in which Fleet Telemetry records arrive: a signed HTTPS relay and a Kinesis stream."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from driveway.auth.signatures import verify_timestamped
from driveway.vehicles.json_values import mapping, sequence
from driveway.vehicles.provider import Inbound, WebhookError, WebhookRequest
from driveway.vehicles.tesla import telemetry


class TeslaWebhooks:
    """The inbound half of Tesla, for records that a relay of the telemetry server posts."""

    def receive(self, request: WebhookRequest, secrets: Sequence[str]) -> Inbound:
        """The records in a request: one, or a JSON array of them, decoded or as proto-JSON.

        ``x-driveway-signature: t=<unix seconds>,v1=<hex>`` is the HMAC-SHA256 of ``<t>.<raw body>``; ``t`` may be
        ``replay_window_s`` off.

        Raises:
            SignatureError: no secret fits, or the signed time is outside the window.
            WebhookError: the body is not JSON, or neither an object nor an array.
        """
        header = request.headers.get("x-driveway-signature")
        verify_timestamped(header, request.body, secrets, request.received_at, tolerance_s=request.replay_window_s)
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise WebhookError("The body is not JSON.") from error
        if not isinstance(body, dict | list):
            raise WebhookError("The body is neither a record nor an array of records.")
        return telemetry.events(body if isinstance(body, list) else [body], received_at=request.received_at)


def kinesis_records(event: Mapping[str, Any], received_at: datetime) -> Inbound:
    """The records in a Lambda event from the telemetry server's Kinesis streams (``…_V`` and ``…_connectivity``).

    The server must run with ``transmit_decoded_records``. Access to the stream stands for a signature.
    A record that cannot be read is dropped and reported: it would block its shard.
    """
    return telemetry.events((_payload(record) for record in sequence(event.get("Records"))), received_at=received_at)


def _payload(record: Any) -> Any:
    """The JSON in a stream record, or None, which the reader of records drops."""
    try:
        return json.loads(base64.b64decode(mapping(mapping(record).get("kinesis")).get("data", ""), validate=True))
    except (ValueError, TypeError, RecursionError):
        return None
