"""Home sessions as they are kept: the plan that was in force, what the car took, and the verdict on each. Pure.

``plan`` makes the record of a plan when something that decides it changes. ``kept_session`` is the short record of a
session. ``causes`` finds in the timeline what kept a car from charging, and ``verdict`` judges a session by all of it.
"""
