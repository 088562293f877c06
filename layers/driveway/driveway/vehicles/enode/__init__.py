"""Enode (API 2024-10-01, and the vehicle shape of 2023-08-01)."""
