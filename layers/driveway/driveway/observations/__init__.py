"""What a webhook or the app reports: decoded, decided once, written once."""
