"""Sites: from eligibility to erasure."""
