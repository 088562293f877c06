"""``Idempotency-Key``: a repeated call gets the answer to the first."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import ProblemError, malformed
from driveway.store.records import Records

KEPT = timedelta(hours=24)
LONGEST_KEY = 128


def once(request: Request, records: Records, now: datetime, do: Callable[[], Answer]) -> Answer:
    """The answer of ``do()``, or the stored answer if this key was used before with the same body.

    Raises:
        ProblemError: the key is malformed (400), or was used with another body (409).
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return do()
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise malformed(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters.")
    where = "/".join(f"{name}={value}" for name, value in sorted(request.parameters.items()))
    scope = f"{request.route}|{where}|{key}"
    identifier = hashlib.sha256(scope.encode()).hexdigest()
    body_hash = hashlib.sha256(request.body).hexdigest()
    kept = records.remembered("idempotency", identifier)
    if kept is not None:
        if kept["body_hash"] != body_hash:
            raise ProblemError(
                409,
                "idempotency-key-reused",
                "The Idempotency-Key was used before",
                "This key was used with another body. Use a new key for a new request.",
            )
        headers = {**kept["headers"], "idempotent-replayed": "true"}
        return Answer(int(kept["status"]), json.loads(kept["answer"]), headers)
    answer = do()
    if isinstance(answer.body, dict):
        # As text: an item of the table keeps neither nulls nor the difference between 7 and 7.0.
        text = json.dumps(answer.body)
        values = {"body_hash": body_hash, "status": answer.status, "headers": answer.headers, "answer": text}
        records.remember("idempotency", identifier, now=now, kept=KEPT, values=values)
    return answer
