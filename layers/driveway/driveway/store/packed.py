"""Values packed into one attribute: as JSON, compressed with a vocabulary of the names that they have.

DynamoDB counts bytes, names included. A twin of 4 KB is 1 KB when it is packed.
"""

import json
import zlib
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

from driveway.store.vocabulary import VOCABULARIES

TWINS, HALF_HOURS = 1, 2
"""The forms in which is written. A form that was ever written stays readable, so its vocabulary never changes."""


def pack(values: Mapping[str, Any], form: int) -> bytes:
    """Plain values as bytes; absent (None) values are left out. The first byte is the form."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, VOCABULARIES[form])
    text = json.dumps(_without_none(values), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return bytes([form]) + packer.compress(text.encode()) + packer.flush()


def unpack(packed: bytes) -> dict[str, Any]:
    """The values that were packed. Raises KeyError for a form that is not known, zlib.error for damaged bytes."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS, VOCABULARIES[packed[0]])
    values: dict[str, Any] = json.loads(unpacker.decompress(packed[1:]) + unpacker.flush())
    return values


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_none(held) for name, held in value.items() if held is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(held) for held in value]
    return value


def in_columns(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A charging profile whose periods stand as columns: steps of time, limits, phases. Long profiles pack well so."""
    periods = profile["periods"]
    starts_s = [period["start_s"] for period in periods]
    columns = {
        "steps_s": [starts_s[0], *(later - earlier for earlier, later in pairwise(starts_s))] if starts_s else [],
        "limits": [period["limit"] for period in periods],
        "phases": [period.get("number_phases") or 0 for period in periods],
    }
    return {**profile, "periods": columns}


def in_rows(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The charging profile of ``in_columns``."""
    columns = profile["periods"]
    rows = zip(accumulate(columns["steps_s"]), columns["limits"], columns["phases"], strict=True)
    periods = [{"start_s": start_s, "limit": limit, "number_phases": phases or None} for start_s, limit, phases in rows]
    return {**profile, "periods": periods}
