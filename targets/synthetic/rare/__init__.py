"""Rare names, and sentences that they are said in."""
