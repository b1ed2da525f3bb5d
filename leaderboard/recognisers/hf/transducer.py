"""Transducers: Parakeet as RNN-T and as TDT, and what else writes label by label over frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from leaderboard.recognisers.hf.alignments import NEVER, log_likelihood
from leaderboard.recognisers.hf.labels import labels_of
from leaderboard.recognisers.hf.load import Loaded
from targets.speech.utterance import Samples

FRAMES = 16  # whose probabilities of all labels are in memory


@dataclass(frozen=True, eq=False)
class Heard:
    """The model's input, and the frames (1, T, D) that its encoder makes of it."""

    inputs: Any
    encoded: Any
    frames: Tensor


@dataclass(frozen=True, eq=False)
class TransducerHead:
    """What a transducer writes, and how likely a text is: see `Head`."""

    loaded: Loaded
    name: str
    longest_audio: float = math.inf

    def prepared(self, audio: Samples) -> Any:
        """Return the model's input of audio (S,) at its rate."""
        return self.loaded.heard(audio)

    def hear(self, inputs: Any) -> Heard:
        """Return the frames that are real, and what they were made of."""
        with self._backward():
            encoded = self.loaded.model.get_audio_features(**inputs, output_attention_mask=True)
        frames = encoded.pooler_output
        if encoded.attention_mask is not None:
            frames = frames[:, : int(encoded.attention_mask.sum())]
        return Heard(inputs, encoded, frames)

    def write(self, heard: Heard, seconds: float) -> str:
        """Return what the model writes greedily."""
        del seconds
        model, inputs = self.loaded.model, heard.inputs
        read = torch.tensor([inputs["input_features"].shape[1]])
        frames = int(model.encoder._get_subsampling_output_length(read))
        # The library's own limit, said aloud, since it warns of it otherwise.
        written = model.generate(**inputs, max_length=model.max_symbols_per_step * frames)
        labels = getattr(written, "sequences", written)[0].tolist()
        tokenizer, blank = self.loaded.tokenizer, self._blank
        labels = [u for u in labels if u not in (blank, tokenizer.pad_token_id)]
        # Two equal labels in a row are two: the tokenizer would join them, as CTC has it.
        return str(tokenizer.decode(labels, skip_special_tokens=True, group_tokens=False))

    def log_likelihood(self, heard: Heard, text: str) -> Tensor:
        """Return the log-probability () of a text: of all its alignments to the frames."""
        model, device = self.loaded.model, self.loaded.device
        labels = torch.tensor(
            labels_of(self.loaded.tokenizer, text, self.name), dtype=torch.long, device=device
        )
        given = F.pad(labels, (1, 0), value=self._blank)[None]
        blanks, wanted = [], []
        with self._backward():
            for some in heard.frames.split(FRAMES, dim=1):
                part = type(heard.encoded)(last_hidden_state=some, pooler_output=some)
                logits = model(encoder_outputs=part, decoder_input_ids=given).logits
                # An axis of one label, where the text is empty, was taken out.
                logits = logits.view(some.shape[1], given.shape[1], -1)
                blank, label = self._log_probs(logits.double(), labels)
                blanks.append(blank)
                wanted.append(label)
        return log_likelihood(torch.cat(blanks), torch.cat(wanted), self._durations)

    @staticmethod
    def _backward() -> Any:
        """Let gradients through: on accelerators a recurrent net in evaluation has none else."""
        return torch.backends.cudnn.flags(enabled=not torch.is_grad_enabled())

    def _log_probs(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of blanks (T, U + 1, K) and of labels (T, U, K)."""
        size = self.loaded.model.config.vocab_size
        written = logits[..., :size].log_softmax(-1)
        blank = written[..., self._blank]
        index = labels[None, :, None].expand(len(logits), -1, 1)
        label = written[:, :-1].gather(2, index)[..., 0]
        if self.loaded.kind == "tdt":
            moves = logits[..., size:].log_softmax(-1)
            return blank[..., None] + moves, label[..., None] + moves[:, :-1]
        never_blank = torch.full_like(blank, NEVER)
        never_label = torch.full_like(label, NEVER)
        return torch.stack([never_blank, blank], -1), torch.stack([label, never_label], -1)

    @property
    def _durations(self) -> tuple[int, ...]:
        if self.loaded.kind == "tdt":
            return tuple(self.loaded.model.config.durations)
        return (0, 1)

    @property
    def _blank(self) -> int:
        return int(self.loaded.model.config.blank_token_id)
