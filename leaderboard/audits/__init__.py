"""Audits of the mechanisms themselves, by canaries made for them."""
