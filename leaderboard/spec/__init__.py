"""What a suite may say, and where a run keeps its files."""
