"""The car makers: one package each, and the registry that names them and their capabilities."""
