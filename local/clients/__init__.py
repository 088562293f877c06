"""Typed clients of the HTTP API, generated from docs/openapi.json: a wheel for Python and a package for npm."""
