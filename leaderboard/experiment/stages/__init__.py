"""What several cells share, each piece a job of its own before them."""
