"""Schemes that learn from privatised transcripts, spoken by public voices: no private sound."""
