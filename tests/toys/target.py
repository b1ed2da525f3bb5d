"""A toy target: CTC in another coat."""

from __future__ import annotations

from torch import nn

from targets.models.ctc import CTC


class Toy(nn.Module):
    """Asks a CTC network for everything."""

    def __init__(self, vocabulary, channels, hidden):
        super().__init__()
        self.ctc = CTC(vocabulary, channels, hidden)

    def nll(self, features, counts, labels):
        return self.ctc.nll(features, counts, labels)

    def greedy(self, features, counts):
        return self.ctc.greedy(features, counts)

    def beam(self, features, counts, width):
        return self.ctc.beam(features, counts, width)

    def nll_of_each(self, features, counts, labels):
        return self.ctc.nll_of_each(features, counts, labels)
