"""How people get about: a net of ways for each floor, plans of a visit, and where they are at every moment."""
