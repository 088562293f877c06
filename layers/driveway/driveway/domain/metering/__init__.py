"""Energy: from samples to half-hours, sessions and what Axle accepted of them.

``energy`` and ``half_hour_energy`` compute the energy of each half-hour, and of the sessions in it, from the set of its
samples. ``histories`` finds the history of one rising register that explains its readings. ``meter_kind`` describes a
source's meter. ``recording`` finds the half-hours that a new sample changes. ``ledger`` and ``completeness`` keep the
state of a half-hour's report, and how much of a day Axle accepted. Energies are whole watt-hours here.
"""
