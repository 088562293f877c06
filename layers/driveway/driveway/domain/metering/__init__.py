"""Energy: from samples to half-hours, sessions and what Axle accepted of them.

Gives ``energy`` and ``half_hour_energy``: the energy of each half-hour, and of the sessions in it, as a function of the
set of its samples; ``histories``: the history of one rising register that explains what was read; ``meter_kind``: what
a source's meter is; ``recording``: what a new sample changes; ``ledger`` and ``completeness``: the state of a
half-hour's report, and how much of a day Axle accepted. Energies are whole watt-hours here.
"""
