"""Traces made from traces: cut, merged, anonymised; always as streams."""
