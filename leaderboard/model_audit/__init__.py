"""What a recogniser that somebody else trained leaks of a game that was planted."""
