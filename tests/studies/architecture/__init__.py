"""What does a kind of network remember? See `__main__`."""
