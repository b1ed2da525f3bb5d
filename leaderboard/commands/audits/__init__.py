"""Commands that audit scores, mechanisms and the bounds themselves."""
