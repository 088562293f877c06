"""Charge control: the desired action of the car, and the commands that bring it about.

Gives ``step`` and ``control_due`` (``reconcile``): charge control at an instant, and the time of the next reconcile;
``desired``: the desired action and its reason; ``required_command`` and ``protection``: the command that brings it
about, and the guards that hold it back (budget, dwell, pairs, breaker); ``command_lifecycle`` and
``command_dispatch``: how a command is planned, claimed, answered, confirmed or given up; ``default_schedule_sync``:
the schedule that a car keeps itself.
"""
