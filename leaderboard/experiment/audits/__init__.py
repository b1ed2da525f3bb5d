"""What bounds the ε of a cell: by its own attacks, and by canaries made for its mechanism."""
