"""Attacks on recognisers, and the statistics of what they find."""
