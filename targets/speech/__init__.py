"""Utterances and what is done to them: audio, transcripts, features, labels, word error rate."""
