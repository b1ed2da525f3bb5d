"""Layers, and what networks are built of."""
