"""Schemes that protect training speech, and the accounting of what they cost."""
