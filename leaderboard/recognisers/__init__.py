"""Recognisers that others trained, each behind the same few methods."""
