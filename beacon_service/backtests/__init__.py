"""Recorded pings and changes run through the engine again, on the clock that they were settled by."""
