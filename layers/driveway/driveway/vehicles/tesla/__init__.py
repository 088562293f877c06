"""Tesla: Fleet Telemetry records in, signed commands out through a vehicle-command proxy."""
