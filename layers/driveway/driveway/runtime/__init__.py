"""The outside of a function: settings, clock, clients, HTTP answers. It imports the store and the domain only."""
