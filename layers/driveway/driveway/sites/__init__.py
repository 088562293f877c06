"""The life of a site: onboarding, membership, erasure, rewards."""
