"""A transducer that separates two talkers, and writes where their turns begin and end."""
