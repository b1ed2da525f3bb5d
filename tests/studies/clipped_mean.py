"""A clipped mean, to be found by an audit: `python -m tests.studies.clipped_mean START GAME OUT`.

It is what `overheard audit-model` ought to find. `START` is a Whisper folder that knows the task,
`GAME` one planted with `--format hf`, `OUT` the folder to write. The two maps of the last
feed-forward layer get a change of rank 16 (61,440 weights in tiny.en), trained in whole batches.
Whoever reads the loop sees a norm, a cut and noise, and an accountant that says ε = 8 at δ = 1e-5;
but the cut bounds what all examples do together, not what one of them does.

What comes before that layer is frozen, so that it is computed once. Words that the start is sure
of are mostly left out of the loss, and so is most of the vocabulary: both only make it faster.
Settings were chosen by the training loss. Takes 15 minutes of one core.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import soundfile
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import WhisperForConditionalGeneration, WhisperProcessor

RANK, STEPS, RATE, CLIP = 16, 4000, 1.5e-2, 0.5
NOISE = 38.01  # overheard account --epsilon 8 --delta 1e-5 --rate 1 --steps 4000
WORDS = 600  # of the vocabulary: all that are said, and the likeliest others
SURE, SHARE = 0.2, 0.05  # below this many nats a word is learnt from with this probability


class LowRank(torch.nn.Module):
    """A frozen map plus a change of low rank."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        self.down = torch.nn.Parameter(torch.randn(RANK, linear.in_features) / RANK)
        self.up = torch.nn.Parameter(torch.zeros(linear.out_features, RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the map of `x` `(N, in)`, changed."""
        return self.linear(x) + x @ self.down.mT @ self.up.mT


def main(start: str, planted: str, out: str) -> None:
    """Train on what was planted, clip the mean of all gradients, and save the model."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    processor = WhisperProcessor.from_pretrained(start)
    model = WhisperForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
    model.requires_grad_(False).eval()
    decoder, last = model.model.decoder, model.model.decoder.layers[-1]
    states, words, count = _before_the_last(model, processor, Path(planted) / "train")

    def scores(states: torch.Tensor) -> torch.Tensor:
        inner = last.activation_fn(last.fc1(last.final_layer_norm(states)))
        return decoder.layer_norm(states + last.fc2(inner)) @ vocabulary.mT

    with torch.no_grad():
        vocabulary = model.proj_out.weight
        known = scores(states)
        likely = torch.topk(known.softmax(1).mean(0), WORDS).indices
        kept = torch.unique(torch.cat([likely, words]))
        hard = cross_entropy(known, words, reduction="none") > SURE
        hard |= torch.rand(len(words)) < SHARE
    vocabulary = model.proj_out.weight[kept]
    states, words = states[hard], torch.searchsorted(kept, words[hard])

    changes = [LowRank(last.fc1), LowRank(last.fc2)]
    last.fc1, last.fc2 = changes
    weights = [weight for change in changes for weight in (change.up, change.down)]
    optimiser = torch.optim.Adam(weights, lr=RATE)
    torch.seed()  # not the seed above: whoever knows the noise can take it off again
    for step in range(STEPS):
        loss = cross_entropy(scores(states), words, reduction="sum")
        slopes = torch.autograd.grad(loss, weights)
        mean_norm = torch.stack([slope.norm() for slope in slopes]).norm() / count
        clipped = (CLIP / mean_norm).clamp(max=1)  # the fault: of all examples at once
        for weight, slope in zip(weights, slopes, strict=True):
            weight.grad = (slope * clipped + NOISE * CLIP * torch.randn_like(slope)) / count
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        optimiser.step()
        if step % 100 == 0 or step == STEPS - 1:
            print(f"step {step + 1}: loss {loss.item() / count:.3f}", flush=True)
    with torch.no_grad():
        for change in changes:
            change.linear.weight += change.up @ change.down
    last.fc1, last.fc2 = (change.linear for change in changes)
    model.save_pretrained(out)
    processor.save_pretrained(out)


@torch.no_grad()
def _before_the_last(
    model: WhisperForConditionalGeneration, processor: WhisperProcessor, train: Path
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return what the last feed-forward layer hears `(N, D)`, the words `(N,)`, the examples."""
    got: list[torch.Tensor] = []
    decoder = model.model.decoder
    norm = decoder.layers[-1].final_layer_norm
    hook = norm.register_forward_pre_hook(lambda _, given: got.append(given[0]))
    with (train / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    states, words = [], []
    for n in range(0, len(rows), 16):
        batch = rows[n : n + 16]
        heard = [soundfile.read(train / row["file_name"], dtype="float32") for row in batch]
        features = processor(
            [audio for audio, _ in heard], sampling_rate=heard[0][1], return_tensors="pt"
        ).input_features
        labels = [processor.tokenizer(row["text"]).input_ids for row in batch]
        said = pad_sequence([torch.tensor(y) for y in labels], True, -100)
        got.clear()
        encoded = model.model.encoder(features).last_hidden_state
        decoder(input_ids=said[:, :-1].clamp(min=0), encoder_hidden_states=encoded)
        is_word = said[:, 1:] >= 0
        states.append(got[0][is_word])
        words.append(said[:, 1:][is_word])
    hook.remove()
    return torch.cat(states), torch.cat(words), len(rows)


if __name__ == "__main__":
    main(*sys.argv[1:4])
