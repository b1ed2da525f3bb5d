"""What the contracts of defenses and of attacks have in common."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from targets.core.errors import OverheardError
from targets.speech.utterance import Utterance


class ContractError(OverheardError):
    """A defense or an attack does not do what all of them must: says which, and what was seen."""


@contextmanager
def global_randomness(seed: int) -> Iterator[None]:
    """Give the global generators a known state, and their own state back afterwards.

    Nothing may depend on them: whoever gives the same result under two different seeds here has
    drawn everything from the generator it was handed.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the generator that a forgetful author would use
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def fingerprint_of_speech(utterances: Iterable[Utterance]) -> str:
    """Return a SHA-256 over everything the utterances hold, in their order."""
    sha = hashlib.sha256()
    for u in utterances:
        sha.update(repr((u.id, u.speaker, u.text, u.words, sorted(u.attributes.items()))).encode())
        sha.update(np.ascontiguousarray(u.samples).tobytes())
    return sha.hexdigest()


def fingerprint_of_weights(weights: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 over names, types, shapes and values."""
    sha = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        sha.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
