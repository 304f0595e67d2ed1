"""A mall that does not exist, surveyed and walked: the folder that recorded walks come in, with the truth."""
