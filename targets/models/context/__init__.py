"""CTC that listens for a user's own words: contextual adapter, and what biases its decoding."""
