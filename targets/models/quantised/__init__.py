"""Targets whose weights take few values: trained, kept and attacked with those."""
