"""Submitted defenses and attacks, in a sandbox."""
