"""Models with a CTC output: wav2vec 2.0, HuBERT, Parakeet-CTC and their like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from leaderboard.recognisers.hf.labels import labels_of
from leaderboard.recognisers.hf.load import Loaded
from targets.speech.utterance import Samples


@dataclass(frozen=True, eq=False)
class CtcHead:
    """What a CTC model writes, and how likely a text is: see `Head`."""

    loaded: Loaded
    name: str
    longest_audio: float = math.inf

    def prepared(self, audio: Samples) -> Any:
        """Return the model's input of audio (S,) at its rate."""
        return self.loaded.heard(audio)

    def hear(self, inputs: Any) -> Tensor:
        """Return the logits (T, V) of each real frame."""
        model = self.loaded.model
        logits = model(**inputs).logits[0]
        mask = inputs.get("attention_mask")
        if mask is not None and hasattr(model, "_get_output_attention_mask"):
            real = model._get_output_attention_mask(mask, target_length=len(logits))
            logits = logits[: int(real.sum())]
        return logits

    def write(self, heard: Tensor, seconds: float) -> str:
        """Return the most likely label of each frame as text."""
        del seconds
        return self._read(heard.argmax(-1))

    def draw(self, heard: Tensor, seconds: float) -> str:
        """Return what the model writes when the label of each frame is drawn."""
        del seconds
        return self._read(heard.double().softmax(-1).multinomial(1)[:, 0])

    def log_likelihood(self, heard: Tensor, text: str) -> Tensor:
        """Return the log-probability () of a text: of all its alignments to the frames."""
        labels = torch.tensor(labels_of(self.loaded.tokenizer, text, self.name), dtype=torch.long)
        log_probs = heard.double().log_softmax(-1)
        loss = F.ctc_loss(
            log_probs[:, None],
            labels[None].to(log_probs.device),
            torch.tensor([len(log_probs)]),
            torch.tensor([len(labels)]),
            blank=self._blank,
            reduction="sum",
        )
        return -loss

    def _read(self, labels: Tensor) -> str:
        """Return the labels (T,) of frames as text, repeats and blanks taken out."""
        return str(self.loaded.tokenizer.decode(labels.tolist(), skip_special_tokens=True))

    @property
    def _blank(self) -> int:
        config = self.loaded.model.config
        own = getattr(config, "blank_token_id", None)
        return int(config.pad_token_id if own is None else own)
