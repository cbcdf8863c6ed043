"""The plan that a definition compiles to, whatever dialect it is written in."""
