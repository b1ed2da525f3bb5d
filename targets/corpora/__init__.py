"""Real speech from disk."""
