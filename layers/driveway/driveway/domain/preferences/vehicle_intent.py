"""Intents of single cars that share a charger: their bodies, and the choice of the intent that counts."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, to_builtins

from driveway.domain.preferences.errors import Faults, PreferenceError
from driveway.domain.preferences.intent import check_intent_fits, parse_intent, vehicle_intent_answer
from driveway.domain.presence.vehicle import named_vehicle_id
from driveway.domain.twin import Intent, Twin, VehicleIntent
from driveway.values import replace

VEHICLE_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
VEHICLE_ID_RULE = "A vehicle's id has 1 to 64 letters, digits and . _ : - and begins with a letter or digit."
MOST_VEHICLES = 10
MOST_BATTERY_KWH = 1000


class IntentInForce(Struct, frozen=True):
    """The intent that counts, the battery (kWh) it is bounded by, and the car that was named as plugged in.

    ``of_vehicle``: the intent is that car's own, not the asset's.
    """

    intent: Intent
    battery_kwh: float | None
    vehicle_id: str | None = None
    of_vehicle: bool = False

    @property
    def text(self) -> str:
        """The sentence that says why it counts."""
        if self.vehicle_id is None:
            return "The asset's intent counts: no car was named as the one that is plugged in."
        if self.of_vehicle:
            return f"The own intent of {self.vehicle_id} counts: it was named last as the car that is plugged in."
        return f"The asset's intent counts: {self.vehicle_id} has none of its own."


def intent_in_force(twin: Twin) -> IntentInForce:
    """The intent that counts now: that of the car that is plugged in, where it has one, otherwise the asset's.

    A car's own intent counts as a whole, it is not mixed with the asset's. A battery that is not given for the car is
    the asset's.
    """
    asset_kwh, vehicle_id = twin.link.battery_kwh, named_vehicle_id(twin.presence)
    own = None if vehicle_id is None else twin.vehicle_intents.get(vehicle_id)
    if own is None:
        return IntentInForce(twin.intent, asset_kwh, vehicle_id)
    return IntentInForce(own.intent, own.battery_kwh or asset_kwh, vehicle_id, of_vehicle=True)


def is_vehicle_id(text: str) -> bool:
    """Whether this can be a vehicle's id, which is the app's own name for a car."""
    return re.fullmatch(VEHICLE_ID, text) is not None


def parse_vehicle_intent(body: Mapping[str, Any]) -> VehicleIntent:
    """The intent of one car in an app's body: an intent (see ``parse_intent``) and perhaps ``battery_kwh``.

    Raises:
        PreferenceError: with a pointer to every fault.
    """
    faults = Faults()
    battery_kwh = None
    if body.get("battery_kwh") is not None:
        battery_kwh = faults.number(body["battery_kwh"], "/battery_kwh", 0, MOST_BATTERY_KWH, above=True)
    try:
        intent = parse_intent({name: value for name, value in body.items() if name != "battery_kwh"})
    except PreferenceError as error:
        raise PreferenceError([*faults.errors, *error.errors]) from None
    faults.raise_if_any()
    return VehicleIntent(intent, battery_kwh)


def vehicle_intent_body(own: VehicleIntent) -> dict[str, Any]:
    """``vehicle_intent_answer`` as plain values, for the timeline."""
    body: dict[str, Any] = to_builtins(vehicle_intent_answer(own))
    return body


def with_vehicle_intent(twin: Twin, vehicle_id: str, own: VehicleIntent | None) -> Twin:
    """The twin with this intent for the car; None removes the car's intent. The same twin if nothing changes.

    Raises:
        PreferenceError: it has a target and no battery size is known, or the asset has ``MOST_VEHICLES`` of them.
    """
    known = twin.vehicle_intents
    if known.get(vehicle_id) == own:
        return twin
    if own is None:
        return replace(twin, vehicle_intents={name: kept for name, kept in known.items() if name != vehicle_id})
    check_intent_fits(own.intent, battery_kwh=own.battery_kwh or twin.link.battery_kwh)
    if vehicle_id not in known and len(known) >= MOST_VEHICLES:
        raise PreferenceError([("", f"At most {MOST_VEHICLES} cars of an asset can have an intent of their own.")])
    return replace(twin, vehicle_intents={**known, vehicle_id: own})
