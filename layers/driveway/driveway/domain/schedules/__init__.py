"""What applies when: Axle's profiles over the default off-peak schedule.

Gives ``effective_schedule``: limit, source and reason for every moment; ``default_schedule``: off-peak windows as
instants; ``installation``: what a new schedule or a clear makes of the twin; ``order``: which of two schedules is the
newer; ``schedule_window``: the schedule that charge control reads; ``svg``: a picture of it.
"""
