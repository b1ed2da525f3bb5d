"""Targets that share an encoder among languages, with attention of each language's own."""
