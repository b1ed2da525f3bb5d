"""The targets: one file a recogniser."""
