"""The picture of a night."""
