"""Authentication: bearer tokens that instances share, and signatures over raw bytes."""
