"""The one base class of errors that a user can mend."""


class OverheardError(Exception):
    """A mistake in what the user gave: one line naming the file, line or key, and what to do."""
