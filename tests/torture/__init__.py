"""Kill the service in the middle of traffic, again and again, then count from the tables what it gave."""
