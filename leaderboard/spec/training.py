"""How the targets of a suite are built and trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from leaderboard.spec.fields import FOLDER, Count, Frozen, Positive, without_defaults
from leaderboard.spec.pretraining import Pretraining


class Training(Frozen):
    """How the target is built and trained, the same for every scheme of the suite."""

    public_epochs: int = Field(ge=0)
    """Passes over the public speech, before any private speech is seen."""
    epochs: Count
    """Passes over the private speech."""
    batch_size: Count
    """Utterances a step."""
    learning_rate: Positive
    """Of training on private speech."""
    public_learning_rate: Positive | None = None
    """Of training on public speech; null takes the same."""
    channels: Count = 64
    """Width of the convolutions."""
    hidden: Count = 128
    """Width of the recurrent layers."""
    pretraining: Pretraining | None = None
    """What the encoder learns before transcribed public speech trains it; null is nothing."""
    self_training: Annotated[int, Field(ge=0)] = 0
    """Rounds in which the public start teaches itself the untranscribed public speech."""
    checkpoint: str | None = Field(default=None, pattern=FOLDER)
    """A folder under the data folder, with the pretrained recogniser that targets begin at."""
    adapter_rank: Count | None = None
    """Rank of the adapters that are trained of a pretrained target; null takes the target's."""

    precision: Literal["single", "bf16"] = "single"
    """Of matrix products in training; bf16 cuts their factors to 16 bits, for accelerators."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        names = ("pretraining", "self_training", "checkpoint", "adapter_rank", "precision")
        return without_defaults(self, dump(self), names)
