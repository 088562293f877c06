"""What applies when: Axle's profiles over the default off-peak schedule.

Gives ``effective_schedule``: limit, source and reason for every moment; ``default_schedule``: off-peak windows as
instants; ``installation``: how Axle's profiles are stored at their stack levels; ``schedule_window``: the schedule that
charge control looks at; ``svg``: a picture of it.
"""
