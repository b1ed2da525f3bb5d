"""Schemes that learn from anonymised voices: they hide who speaks, and promise nothing."""
