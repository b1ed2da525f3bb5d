"""PATE: noisy votes of teachers."""
