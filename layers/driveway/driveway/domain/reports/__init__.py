"""How a report about a car changes its twin.

Gives ``apply_observations``: observations taken into presence, meter and timeline in one decision; and
``account_connection``: whether the car maker's account works.
"""
