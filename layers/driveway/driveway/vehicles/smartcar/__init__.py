"""Smartcar (API v3, webhook payload 4.0)."""
