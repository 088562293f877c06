"""Who may call: the scopes of bearer tokens."""

SCOPES = ("app", "axle", "support", "operator")
