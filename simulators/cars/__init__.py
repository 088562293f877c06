"""Cars, chargers and the clouds of their makers, as one real HTTP server."""
