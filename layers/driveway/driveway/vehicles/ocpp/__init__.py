"""OCPP 1.6 chargers, through a central system's HTTP endpoint."""
