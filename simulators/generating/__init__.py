"""Traces of shoppers who do not exist: `beacon-sim generate` (docs/simulator.md, docs/radio.md)."""
