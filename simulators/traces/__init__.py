"""Traces: what reached a service, in order of time, as lines of JSON (docs/traces.md)."""
