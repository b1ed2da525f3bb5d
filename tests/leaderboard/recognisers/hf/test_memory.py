from __future__ import annotations

from leaderboard.recognisers.hf.memory import GIB, processes_in
from leaderboard.recognisers.open import open_recogniser
from tests.leaderboard.model_audit.fakes import Fake
from tests.leaderboard.recognisers.making.tiny import folder_of


def test_as_many_as_half_of_the_memory_holds(tmp_path_factory):
    tiny = open_recogniser(f"hf:{folder_of('wav2vec2', tmp_path_factory)}")
    size = sum(weight.numel() * 4 for weight in tiny.loaded.model.parameters()) / GIB
    assert processes_in(16.0, [tiny, Fake()]) == 7  # a little more than 1 GiB each
    assert processes_in(2 * (1 + 2 * size), [tiny]) == 1
    assert processes_in(6 * (1 + 4 * size), [tiny, tiny]) == 3
    assert processes_in(0.1, [tiny]) == 1
