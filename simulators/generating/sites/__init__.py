"""Places to walk in: built in, or read from what the service's imports take."""
