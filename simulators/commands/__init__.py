"""The commands of `beacon-sim`, by what they are for; `simulators.cli` gathers them."""
