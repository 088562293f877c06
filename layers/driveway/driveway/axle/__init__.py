"""Axle's API: the client, what Axle sends us, and the work of axle sync and of the readings."""
