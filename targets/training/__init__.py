"""The recipe of a target, and training without privacy."""
