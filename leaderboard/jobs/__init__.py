"""Jobs that depend on one another, and where they run."""
