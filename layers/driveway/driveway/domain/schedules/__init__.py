"""The schedule in force at each moment: Axle's profiles over the default off-peak schedule.

Gives ``effective_schedule``: limit, source and reason for every moment; ``default_schedule``: off-peak windows as
instants; ``installation``: the twin after a new schedule or a clear; ``order``: the newer one of two schedules;
``schedule_window``: the schedule that charge control reads; ``svg``: a picture of it.
"""
