"""Which device holds what of the private speech, where it is not one device for each speaker."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from leaderboard.spec.fields import FOLDER, Count, Frozen, Positive

By = Literal["file", "quantity", "template", "accent", "gender"]


class Clients(Frozen):
    """Devices that take the place of speakers: a list of one's own, or dealt out unevenly."""

    by: By
    """What deals the utterances out: a `file`; `quantity`, so that some devices hold far more than
    others; or what an attribute of them says, so that devices differ in that, too."""
    file: str | None = Field(default=None, pattern=FOLDER)
    """A JSON file under the data folder: an object of client to list of utterance ids. What is on
    no list is left out."""
    count: Count | None = None
    """How many devices, where they are dealt out."""
    alpha: Positive | None = None
    """How even, where they are dealt out: the parameter of the Dirichlet distribution of the
    devices' shares. The smaller, the more uneven; null is 1."""

    @model_validator(mode="after")
    def _what_it_goes_by(self) -> Clients:
        if self.by == "file":
            if self.file is None:
                raise ValueError("by = 'file' needs 'file', the name of a JSON file")
            if self.count is not None or self.alpha is not None:
                raise ValueError("by = 'file' takes no 'count' and no 'alpha'")
        elif self.file is not None:
            raise ValueError(f"by = '{self.by}' takes no 'file'; use by = 'file'")
        elif self.count is None:
            raise ValueError(f"by = '{self.by}' needs 'count', how many devices there are")
        return self
