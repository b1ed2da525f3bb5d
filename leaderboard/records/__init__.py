"""What a cell gave, on disk."""
