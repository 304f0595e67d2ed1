"""What phones hear: docs/radio.md says by which model, and from where its figures are."""
