"""From a suite to jobs, and what each of them does."""
