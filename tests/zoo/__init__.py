"""Broken mechanisms, each a small change of the real one, that an audit must catch."""
