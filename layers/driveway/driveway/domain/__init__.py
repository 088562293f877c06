"""The rules, as plain functions on plain values: no AWS, no HTTP, no clock of their own; ``now`` is a parameter."""
