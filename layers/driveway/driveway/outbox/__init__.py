"""What a change of a twin means to others: bus events, wake-ups of the reconcilers, timeline entries."""
