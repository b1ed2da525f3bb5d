from __future__ import annotations

import pytest

from leaderboard.planting.tables import FORMATS, Line, write_table

LINES = [
    Line("sb-2", "audio/sb-2.flac", "so, it's", "sb", 16_000),
    Line("sa-9", "audio/sa-9.flac", "NO", "sa", 8_000),
]


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_lines_are_the_same_bytes(tmp_path, form):
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_table(form, tmp_path / name, LINES)
        written.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert written[0] == written[1]


def test_kaldi_is_sorted(tmp_path):
    write_table("kaldi", tmp_path, LINES)
    assert (tmp_path / "utt2spk").read_text() == "sa-9 sa\nsb-2 sb\n"
    assert (tmp_path / "spk2utt").read_text() == "sa sa-9\nsb sb-2\n"


def test_lhotse_itself_opens_its_cuts(tmp_path):
    lhotse = pytest.importorskip("lhotse")
    write_table("lhotse", tmp_path, LINES)
    cuts = lhotse.CutSet.from_file(tmp_path / "cuts.jsonl.gz").with_recording_path_prefix(tmp_path)
    first = next(iter(cuts))
    assert (first.id, first.supervisions[0].text, first.num_samples) == ("sb-2", "so, it's", 16_000)
    assert first.recording.sources[0].source == f"{tmp_path}/audio/sb-2.flac"
