"""What the car should do, and the commands that make it do so.

Gives ``step`` and ``control_due`` (``reconcile``): charge control at an instant, and when to look again; ``desired``:
what should be true of the car and why; ``required_command`` and ``protection``: the command that would make it true,
and what speaks against it now (budget, dwell, pairs, breaker); ``command_lifecycle`` and ``command_dispatch``: how a
command is planned, claimed, answered, confirmed or given up; ``default_schedule_sync``: the schedule that a car keeps
itself.
"""
