"""Tables, comparisons, exports and their words, from records alone."""
