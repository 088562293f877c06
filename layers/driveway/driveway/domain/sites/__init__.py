"""A site: its requested state, the state that Axle has acknowledged, and the next step. Pure."""
