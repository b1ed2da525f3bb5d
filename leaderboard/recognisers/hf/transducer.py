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
        return self._read(getattr(written, "sequences", written)[0].tolist())

    def draw(self, heard: Heard, seconds: float) -> str:
        """Return what the model writes when label and move are drawn at each step."""
        del seconds
        labels: list[int] = []
        frame = at_this_frame = 0
        while frame < heard.frames.shape[1]:
            label, move = self._drawn(heard, frame, labels)
            if label != self._blank:
                labels.append(label)
                at_this_frame += 1
            if at_this_frame == self.loaded.model.max_symbols_per_step:
                move = max(move, 1)  # as the library has it: some models would never move
            if move:
                frame, at_this_frame = frame + move, 0
        return self._read(labels)

    def _drawn(self, heard: Heard, frame: int, labels: list[int]) -> tuple[int, int]:
        """Return a label drawn at a frame after others, and by how many frames it moves on."""
        given = torch.tensor([[self._blank, *labels]], device=self.loaded.device)
        logits = self._logits(heard, heard.frames[:, frame : frame + 1], given)[0, -1]
        size = self.loaded.model.config.vocab_size
        label = int(logits[:size].softmax(-1).multinomial(1))
        if self.loaded.kind != "tdt":
            return label, int(label == self._blank)
        moves = logits[size:].softmax(-1)
        if label == self._blank:
            moves = moves * torch.tensor([float(d > 0) for d in self._durations]).to(moves)
        return label, self._durations[int(moves.multinomial(1))]

    def log_likelihood(self, heard: Heard, text: str) -> Tensor:
        """Return the log-probability () of a text: of all its alignments to the frames."""
        labels = torch.tensor(
            labels_of(self.loaded.tokenizer, text, self.name),
            dtype=torch.long,
            device=self.loaded.device,
        )
        given = F.pad(labels, (1, 0), value=self._blank)[None]
        blanks, wanted = [], []
        with self._backward():
            for some in heard.frames.split(FRAMES, dim=1):
                blank, label = self._log_probs(self._logits(heard, some, given), labels)
                blanks.append(blank)
                wanted.append(label)
        return log_likelihood(torch.cat(blanks), torch.cat(wanted), self._durations)

    def _logits(self, heard: Heard, frames: Tensor, given: Tensor) -> Tensor:
        """Return logits (T, U, V) at frames (1, T, D) after each of U labels (1, U)."""
        part = type(heard.encoded)(last_hidden_state=frames, pooler_output=frames)
        logits = self.loaded.model(encoder_outputs=part, decoder_input_ids=given).logits
        # An axis of one label was taken out.
        return logits.view(frames.shape[1], given.shape[1], -1).double()

    def _read(self, labels: list[int]) -> str:
        """Return labels as text."""
        tokenizer = self.loaded.tokenizer
        labels = [u for u in labels if u not in (self._blank, tokenizer.pad_token_id)]
        # Two equal labels in a row are two: the tokenizer would join them, as CTC has it.
        return str(tokenizer.decode(labels, skip_special_tokens=True, group_tokens=False))

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
