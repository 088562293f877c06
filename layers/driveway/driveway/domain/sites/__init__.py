"""A site: what is wanted of it, what Axle has acknowledged, and what has to be done next. Pure."""
