"""DP-SGD whose clipping norm is far too large: the noise is in proportion to it."""

from dataclasses import dataclass

from defenses.api import DPSGD


@dataclass(frozen=True)
class Weaker:
    """DP-SGD with a clipping norm of 1,000: the noise drowns every gradient."""

    epsilon: float = 10.0
    clip: float = 1000.0

    def train(self, recipe, members, public, rng):
        """See `defenses.api.Defense`."""
        batch = min(128, recipe.expected_members)
        scheme = DPSGD(self.epsilon, epochs=1, batch_size=batch, clip=self.clip)
        return scheme.train(recipe, members, public, rng)
