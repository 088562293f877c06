"""Axle Energy's side of the integration as a real HTTP server."""
