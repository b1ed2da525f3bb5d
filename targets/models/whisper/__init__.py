"""Whisper: a pretrained recogniser whose encoder is frozen and whose decoder has adapters."""
