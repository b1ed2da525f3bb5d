"""Who is public, who is private, and how the coins fell."""
