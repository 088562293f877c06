"""What the driver wants: tariff, intent, charge-now.

Gives the parsers of the app's bodies (``tariff``, ``intent``, ``charge_now``, ``vehicle_intent``, each with the body of
its answer), ``departures``: the next ready-by; ``changes``: what a new preference makes of a twin;
``answer_warnings``: what cannot act as it seems; and ``errors``: every fault with a JSON pointer.
"""
