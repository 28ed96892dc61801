"""What contacts tell us when asked: surveys."""
