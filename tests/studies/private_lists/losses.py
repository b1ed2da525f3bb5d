"""Why an adapter gains or not: the loss of what is said, with said names on the list or others."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from attacks.statistics.means import mean
from targets.models.ctc import ctc_nll
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from tests.studies.intervals import shown
from tests.studies.private_lists.figures import Figures
from tests.studies.private_lists.rare_names import Speaker, speakers
from tests.studies.private_lists.teaching import TESTERS, Size

LISTS = {  # whether the names said are on it, and whether the others are
    "the names said": (True, False),
    "the whole list": (True, True),
    "the whole list, without the names said": (False, True),
}


def losses(recognizer: Recognizer, size: Size, figures: Figures) -> None:
    """Measure how much more or less a transcript costs with a list, in nats of the last layer.

    The mean over test speakers of the mean over what each says, less what it costs without a list.
    """
    people = speakers("test", TESTERS, size)

    for name, (own, others) in LISTS.items():

        def rise(person: Speaker, own: bool = own, others: bool = others) -> float:
            words = [name.written for name in person.listed]
            found = []
            for u in person.speech:
                said = [word for word in words if word in u.text.split()]
                unsaid = [word for word in words if word not in said]
                entries = (said if own else []) + (unsaid if others else [])
                found.append(loss(recognizer, u, entries) - loss(recognizer, u, ()))
            return sum(found) / len(found)

        figures.row(
            "losses",
            {"list": name},
            lambda rise=rise: {"nats": shown(mean([rise(person) for person in people]))},
        )


@torch.no_grad()
def loss(recognizer: Recognizer, utterance: Utterance, words: Sequence[str]) -> float:
    """Return the CTC loss of a transcript in nats, with the adapter listening for words."""
    tokens = recognizer.tokens
    entries = [tuple(tokens.encode(word)) for word in words]
    found = recognizer.network.log_probabilities(*recognizer.logmel([utterance]), entries)
    return ctc_nll(*found, [tokens.encode(utterance.text)]).item()
