"""Plays a trace to a service again: phones, tills and the brand's own systems, by HTTP (docs/simulator.md)."""
