"""What `overheard plant` wrote, read back: who was dealt in, who was held out, and every secret.

A planted folder has a public page (`planted.json`), what to train on (`train/`), and the coins
(`secret/`). One digest binds all three: an audit of a folder that was changed is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from leaderboard.game.game import is_one_unit
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit

VERSION = 1
PUBLIC = "planted.json"
TRAIN, SECRET = "train", "secret"
GAME = f"{SECRET}/game.json"

Kind = Literal["utterance", "canary"]
Form = Literal["clear", "obscured", "mislabelled"]
FORMS: tuple[Form, ...] = get_args(Form)


class PlantedError(OverheardError):
    """A planted folder cannot be used: one line that names the file and what to do."""


@dataclass(frozen=True)
class Candidate:
    """One recording that a hidden fair coin let into training, or kept out of it.

    `audio` is the recording (mono, 16 kHz) and `text` the transcript, both as they are in `train`
    where the coin said so (`member`). `unit` names who shares that coin: the utterance itself, or
    its speaker. `id` and `speaker` are names made up for the game; `source` is the id in the
    corpus that it came from, "" for a canary.

    Of a canary: `template` is the sentence that holds the `secret`, which is said to be in the
    recording `repetitions` times in training. Its `form` says what is heard there: the secret
    ("clear"), noise ("obscured"), or another secret ("mislabelled"). `twin` is the transcript with
    a secret of the same space that nobody was trained on: to a model that never saw the canary the
    two are alike. `covered` is a recording with noise for the secret; none where another is heard.
    `heard` is what a mislabelled one says in place of `text`.
    """

    id: str
    audio: Path
    text: str
    member: bool
    unit: str
    speaker: str
    kind: Kind = "utterance"
    source: str = ""
    template: str = ""
    repetitions: int = 1
    form: Form = "clear"
    secret: str = ""
    twin: str = ""
    covered: Path | None = None
    heard: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Return an object of JSON, with paths relative to the planted folder."""
        row = asdict(self) | {"audio": self.audio.relative_to(folder).as_posix()}
        row["covered"] = self.covered and self.covered.relative_to(folder).as_posix()
        row["attributes"] = dict(self.attributes)
        return row


@dataclass(frozen=True)
class Planted:
    """A dealt game: `candidates` in an order that says nothing of their coins.

    `unit` is what a coin decides about. `seed` is the secret that all coins follow from. `delta`
    and `claimed_epsilon` are what was said to be promised when it was dealt, the latter if any. The
    `design` is "observational" where two lists were given and nobody tossed a coin.
    """

    folder: Path
    digest: str
    unit: Unit
    candidates: tuple[Candidate, ...]
    seed: int
    delta: float = 1e-5
    claimed_epsilon: float | None = None
    design: Literal["one_run", "observational"] = "one_run"

    @property
    def canaries(self) -> tuple[Candidate, ...]:
        """The spoken secrets."""
        return tuple(c for c in self.candidates if c.kind == "canary")

    @property
    def rng(self) -> Randomness:
        """What an audit of this folder may draw from: always the same, fixed beforehand."""
        return Randomness(self.seed).child("audit")

    def is_single(self, candidate: Candidate) -> bool:
        """Return whether the candidate's coin may audit ε: see `is_one_unit`."""
        return is_one_unit(candidate.repetitions, self.unit)


def read_planted(folder: Path) -> Planted:
    """Read a planted folder, and check that all of it is as it was written.

    Files that were added to it are passed over.

    Raises:
        PlantedError: in one line, where something is missing, or was changed.
    """
    public = _object(folder / PUBLIC, "give a folder that `overheard plant` wrote")
    if public.get("version") != VERSION:
        raise PlantedError(
            f"{folder / PUBLIC}: version {public.get('version')!r}, this overheard reads {VERSION} "
            "— use the one that planted it"
        )
    game = _object(folder / GAME, f"bring back the folder {SECRET}/ that was written with it")
    if digest(public, sha256_of(folder / GAME)) != public.get("digest"):
        raise PlantedError(
            f"{folder}: {PUBLIC} and {GAME} do not belong together, or one was changed "
            "— restore the folder as it was planted"
        )
    try:
        return _read(folder, public, game)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PlantedError(
            f"{folder}: {PUBLIC} or {GAME} lacks something, or holds it in another form "
            f"({type(error).__name__}: {error}) — restore the folder as it was planted"
        ) from None


def _read(folder: Path, public: Mapping[str, Any], game: Mapping[str, Any]) -> Planted:
    for name, known in game["files"].items():
        path = _inside(folder, name)
        try:
            same = sha256_of(path) == known
        except OSError:
            raise PlantedError(
                f"{folder / name}: is missing — restore the folder as it was planted"
            ) from None
        if not same:
            raise PlantedError(
                f"{folder / name}: is not what was planted — restore the folder as it was"
            )
    candidates = tuple(_candidates(folder, game["candidates"]))
    return Planted(
        folder,
        public["digest"],
        public["unit"],
        candidates,
        game["seed"],
        public["delta"],
        public["claimed_epsilon"],
    )


def digest(public: Mapping[str, Any], game: str) -> str:
    """Return the digest that binds the public page to the game, whose SHA-256 is given.

    The game names the SHA-256 of every other file.
    """
    return digest_of({"public": {k: v for k, v in public.items() if k != "digest"}, "game": game})


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _object(path: Path, remedy: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlantedError(f"{path}: {error.strerror} — {remedy}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise PlantedError(f"{path}: is no JSON object — {remedy}")
    return found


def _candidates(folder: Path, rows: list[dict[str, Any]]) -> Iterator[Candidate]:
    for row in rows:
        covered = row["covered"] and _inside(folder, row["covered"])
        yield Candidate(**row | {"audio": _inside(folder, row["audio"]), "covered": covered})


def _inside(folder: Path, name: str) -> Path:
    path = folder / PurePosixPath(name)
    # Else a folder of somebody else could have any file of the reader's put into the report.
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PlantedError(
            f"{folder / GAME}: {name!r} leads out of the folder — do not trust where it came from"
        )
    return path
