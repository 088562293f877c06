"""The library that all functions share. Parts import one another downward only; see ``docs/architecture.md``."""
