"""InfoNCE: tell what comes from what does not (van den Oord et al. 2018, arXiv 1807.03748)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.1  # of the cosine similarities


def info_nce(predicted: Tensor, actual: Tensor) -> Tensor:
    """Return the losses (N,) in nats of N predictions (N, D) of what is in as many states (N, D).

    Each has to tell its own state from those of the others, by cosine similarity: a guess without
    knowledge costs log N.
    """
    similarity = F.normalize(predicted, dim=-1) @ F.normalize(actual, dim=-1).T
    return -(similarity / TEMPERATURE).log_softmax(-1).diagonal()
