"""Driveway: home EV charging on Axle Energy's schedules."""
