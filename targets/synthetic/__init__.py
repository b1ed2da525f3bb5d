"""The embedded corpus: speech that is made to order."""
