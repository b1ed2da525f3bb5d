"""A fusion of adapters: nothing at first, then the mix that the definition says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from targets.models.fusion.layer import AdapterFusion
from targets.nn.residual_adapters import ResidualAdapter

WIDTH = 40


@pytest.fixture
def states():
    return torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(0))


def trained(made):
    """Give every weight of a module a value, as training would."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) / 4)
    return made


def test_it_begins_as_nothing(states):
    assert torch.equal(AdapterFusion(WIDTH)(states), states)


def test_each_state_gets_the_mix_that_it_asks_for(states):
    fusion = trained(AdapterFusion(WIDTH, inner=4, adapters=3))
    found = fusion(states)
    for row, column in ((0, 0), (1, 4)):
        x = states[row, column]
        state = (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt()
        outputs = [
            b.up.weight @ F.silu(b.down.weight @ state + b.down.bias) + b.up.bias
            for b in fusion.bottlenecks
        ]
        asked = fusion.query.weight @ state + fusion.query.bias
        logits = torch.stack([asked @ (fusion.key.weight @ output) for output in outputs])
        shares = (logits / len(asked) ** 0.5).softmax(0)
        assert shares.std() > 1e-3  # which adapters are asked for is part of what is checked
        mix = sum(share * output for share, output in zip(shares, outputs, strict=True))
        torch.testing.assert_close(found[row, column], x + mix)


def test_a_fusion_of_one_adapter_again_and_again_is_that_adapter(states):
    adapter = trained(ResidualAdapter(WIDTH))
    fusion = AdapterFusion.of_trained([adapter] * 4)
    assert not torch.equal(adapter(states), states)
    torch.testing.assert_close(fusion(states), adapter(states))


def test_of_trained_adapters_the_attention_alone_is_left_to_train():
    of_trained = AdapterFusion.of_trained([ResidualAdapter(WIDTH), ResidualAdapter(WIDTH)])
    left = {id(weight) for weight in of_trained.weights_to_train()}
    assert left == {
        id(weight) for part in (of_trained.query, of_trained.key) for weight in part.parameters()
    }
    drawn = AdapterFusion(WIDTH)
    assert drawn.weights_to_train() == list(drawn.parameters())
