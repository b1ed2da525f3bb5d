"""The one base class of errors that a user can mend."""


def shown(text: str) -> str:
    """Return a text as it may be written on a terminal: control characters are spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


class OverheardError(Exception):
    """A mistake in what the user gave: one line naming the file, line or key, and what to do."""

    def __str__(self) -> str:
        """Return the message, whatever the file that it is about put into it."""
        return shown(super().__str__())
