"""What sites and assets look like from outside."""
