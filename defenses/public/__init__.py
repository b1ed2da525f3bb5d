"""Schemes without a mechanism: plain training, and public speech alone."""
