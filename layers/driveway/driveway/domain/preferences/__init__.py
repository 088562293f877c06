"""What the driver wants: tariff, intent, charge-now.

Gives the parsers of what the app says (``tariff``, ``intent``, ``charge_now``, ``vehicle_intent``, each with its body
for answers), ``departures``: the next ready-by; ``changes``: what a new preference makes of a twin; and ``errors``:
every fault with a JSON pointer.
"""
