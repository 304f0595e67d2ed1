"""What is in a trace, gathered in one pass."""
