"""What others recorded, made into traces (docs/traces.md tells which version of which shape is read)."""
