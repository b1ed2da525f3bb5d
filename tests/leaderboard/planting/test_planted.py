from __future__ import annotations

import json
from pathlib import Path

import pytest

from leaderboard.planting.planted import (
    Candidate,
    PlantedError,
    digest,
    read_planted,
    sha256_of,
)


def planted(folder: Path) -> Path:
    """Write a folder of two candidates: one that was dealt in, one canary that was held out."""
    for name in ("train/audio/a.flac", "secret/audio/b.flac", "secret/covered/b.flac"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    candidates = (
        Candidate("a", folder / "train/audio/a.flac", "YES", True, "a", "s1", source="fash-1"),
        Candidate(
            *("b", folder / "secret/audio/b.flac", "my pin code is one", False, "b", "s2"),
            kind="canary",
            template="pin",
            repetitions=4,
            form="obscured",
            secret="one",
            twin="my pin code is two",
            covered=folder / "secret/covered/b.flac",
            attributes={"gender": "female"},
        ),
    )
    files = {str(p.relative_to(folder)): sha256_of(p) for p in folder.rglob("*") if p.is_file()}
    game = {
        "seed": 5,
        "files": files,
        "candidates": [c.to_json(folder) for c in candidates],
    }
    (folder / "secret/game.json").write_text(json.dumps(game))
    public: dict[str, object] = {"version": 1, "unit": "utterance"}
    public |= {"delta": 1e-6, "claimed_epsilon": 3.0}
    public["digest"] = digest(public, sha256_of(folder / "secret/game.json"))
    (folder / "planted.json").write_text(json.dumps(public))
    return folder


def test_candidates_come_back(tmp_path):
    game = read_planted(planted(tmp_path / "p"))
    assert (game.delta, game.claimed_epsilon) == (1e-6, 3.0)
    first, canary = game.candidates
    assert (first.member, first.kind, first.text, first.source) == (
        True,
        "utterance",
        "YES",
        "fash-1",
    )
    assert first.audio.read_bytes() == b"train/audio/a.flac"
    assert game.canaries == (canary,)
    assert canary.covered is not None
    assert canary.covered.read_bytes() == b"secret/covered/b.flac"
    assert canary.attributes == {"gender": "female"}
    assert game.is_single(first)
    assert not game.is_single(canary)


@pytest.mark.parametrize(
    "change",
    [
        lambda game: game["candidates"][1].update(covered="/etc/passwd"),
        lambda game: game["candidates"][0].update(audio="../../x"),
        lambda game: game["files"].update({"/etc/passwd": "0"}),
    ],
)
def test_paths_out_of_the_folder_are_refused(tmp_path, change):
    with pytest.raises(PlantedError, match=r"game\.json: .* leads out of the folder"):
        read_planted(forged(tmp_path / "p", change))


@pytest.mark.parametrize(
    "change",
    [
        lambda game: game.pop("files"),
        lambda game: game["candidates"][0].update(colour="red"),
        lambda game: game.update(candidates=[1]),
    ],
)
def test_a_folder_that_fits_its_digest_may_still_be_malformed(tmp_path, change):
    with pytest.raises(PlantedError, match="lacks something, or holds it in another form"):
        read_planted(forged(tmp_path / "p", change))


def forged(folder, change):
    """Change a game, and make its digest anew."""
    planted(folder)
    game = json.loads((folder / "secret/game.json").read_text())
    change(game)
    (folder / "secret/game.json").write_text(json.dumps(game))
    public = json.loads((folder / "planted.json").read_text())
    public["digest"] = digest(public, sha256_of(folder / "secret/game.json"))
    (folder / "planted.json").write_text(json.dumps(public))
    return folder


def test_files_beside_are_passed_over(tmp_path):
    (planted(tmp_path / "p") / "train/state.json").write_text("mine")
    assert len(read_planted(tmp_path / "p").candidates) == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("planted.json", '{"version": 1, "unit": "speaker", "digest": "0"}', "belong together"),
        ("planted.json", '{"version": 9}', "version 9"),
        ("planted.json", "[", "no JSON object"),
        ("secret/game.json", "{}", "belong together"),
        ("train/audio/a.flac", "other", "train/audio/a.flac: is not what was planted"),
        ("secret/audio/b.flac", None, "secret/audio/b.flac: is missing"),
        ("secret/game.json", None, "bring back the folder secret/"),
    ],
)
def test_what_was_changed_is_one_line(tmp_path, name, content, says):
    folder = planted(tmp_path / "p")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(PlantedError, match=says) as error:
        read_planted(folder)
    assert "\n" not in str(error.value)
