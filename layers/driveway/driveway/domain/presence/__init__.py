"""Where the car is and whether it is plugged in: from observations to home sessions.

Gives ``Observation`` (``observation``): the signals that a source can report of a car; ``resolve_home`` (``home``):
whether a place is home; ``observe``, ``settle`` and ``presence_due`` (``observe``): the presence after an observation,
after time alone, and when time has something to do. ``plug`` holds the debounce of a plug-out, ``rules`` the numbers.
"""
