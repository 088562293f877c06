"""Energy: from samples to half-hours, sessions and what Axle accepted of them.

Gives ``energy``: the energy of each half-hour as a function of the set of its samples; ``recording``: what a new sample
changes; ``running_meter``: the meter of the running session; ``ledger`` and ``completeness``: the state of a
half-hour's report, and how much of a day Axle accepted. Energies are whole watt-hours here.
"""
