"""What a report about a car makes of its twin.

Gives ``apply_observations``: observations taken into presence, meter and timeline in one decision; and
``account_connection``: whether the car maker's account works.
"""
