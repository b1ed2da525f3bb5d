"""Decoding for a user: each kind by itself, all together, and nothing without a list."""

from __future__ import annotations

import pytest
import torch

from targets.core.errors import OverheardError
from targets.models.context.language_model import ClassBigrams
from targets.models.context.personal import KINDS, Personal
from tests.fakes import recipe_for, speech
from tests.targets.models.context.frames import heard, sure

PUBLIC = ClassBigrams.learn(["call the house", "call the house", "call anna", "call bert"])
FRAMES = heard(*sure("call "), {"k": 0.7, "c": 0.3}, *sure("arl"))


def written(words, *kinds):
    return Personal(words, frozenset(kinds), PUBLIC).best(FRAMES)[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "adapter"])
def test_each_kind_writes_a_listed_name(kind):
    assert written([], kind) == written(["wilma"], kind) == "call karl"
    assert written(["carl"], kind) == "call carl"


def test_all_kinds_together_write_it_too_and_none_does_not():
    assert written(["carl", "wilma"], *KINDS) == "call carl"
    assert written(["carl", "wilma"]) == "call karl"


def test_a_variant_is_written_as_listed_even_if_the_name_was_not_heard():
    frames = heard(*sure("call filip"))
    personal = Personal(["philip"], frozenset({"variants"}), PUBLIC)
    assert personal.best(frames)[0] == "call philip"


def test_an_utterance_is_decoded_with_and_without_a_list():
    recognizer = recipe_for("ctc-context", speech(4, "public"), public_epochs=4).build()
    torch.nn.init.normal_(recognizer.network.adapter.output.weight)
    heard_ = speech(3, "private")
    plain = Personal((), frozenset({"adapter"}), width=3)
    assert plain.transcribe(recognizer, heard_) == recognizer.transcribe(heard_, 3)
    listed = Personal(("milk", "tea"), frozenset({"adapter"}), width=3)
    scores = [[s for _, s in p.hypotheses(recognizer, heard_)] for p in (plain, listed)]
    assert scores[0] != scores[1]


def test_a_list_is_not_printed():
    assert "zebulon" not in repr(Personal(["zebulon"], frozenset({"boosting"})))


def test_what_cannot_be_is_said():
    with pytest.raises(OverheardError, match="biasing magic: use some of adapter, boosting"):
        Personal([], frozenset({"magic"}))
    with pytest.raises(OverheardError, match="give the language model of public text"):
        Personal([], frozenset({"class"}))
    other = recipe_for("ctc", speech(2, "public")).build()
    with pytest.raises(OverheardError, match="needs the target ctc-context"):
        Personal([], frozenset()).transcribe(other, speech(1, "private"))
