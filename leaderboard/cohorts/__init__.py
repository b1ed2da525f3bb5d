"""What each cohort of speakers pays: their figures, tests of their differences, and the table."""
