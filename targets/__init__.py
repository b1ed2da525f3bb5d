"""Speech, recognisers, training and decoding."""
