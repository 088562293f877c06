"""Sending a planned command to its provider."""
