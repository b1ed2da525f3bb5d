"""Two lists in place of a game: who was trained on and who was not, without any coin."""

from __future__ import annotations

import logging
from pathlib import Path

import soundfile

from leaderboard.planting.findings import usable
from leaderboard.planting.planted import Candidate, Planted, sha256_of
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.corpora.read import examine, remark_lines
from targets.speech.utterance import SAMPLE_RATE

KEPT = ("gender", "accent")
SPEECH = "speech"

_log = logging.getLogger(__name__)


def observed(members: Path, held_out: Path, folder: Path) -> Planted:
    """Return two lists of utterances as candidates whose coins nobody tossed.

    Their audio is copied into `folder`, as mono at 16 kHz; what is there from before is replaced.

    Raises:
        CorpusError: a list cannot be read, or something in it is wrong.
        OverheardError: an utterance is in both lists.
    """
    found: dict[str, Candidate] = {}
    place = folder / SPEECH
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("*.flac"):
        old.unlink()
    for path, member in ((members, True), (held_out, False)):
        remarks = []
        for finding in examine(path):
            item = usable(finding, path)
            entry = item.entry
            remarks += [(remark, entry.id) for remark in item.remarks]
            assert item.utterance is not None
            if entry.id in found:
                raise OverheardError(f"{entry.id}: is in {members} and in {held_out} — choose one")
            audio = place / f"{digest_of(entry.id)[:16]}.flac"
            soundfile.write(audio, item.utterance.samples, SAMPLE_RATE, subtype="PCM_16")
            found[entry.id] = Candidate(
                id=entry.id,
                audio=audio,
                text=" ".join(entry.text.split()),
                member=member,
                unit=entry.id,
                speaker=entry.speaker,
                source=entry.id,
                attributes={k: v for k, v in entry.attributes.items() if k in KEPT},
            )
        for line in remark_lines(remarks):
            _log.warning("%s: %s", path, line)
    # An order without meaning, so that a limit takes some of both.
    candidates = tuple(sorted(found.values(), key=lambda c: c.audio.name))
    digest = digest_of(
        [[c.id, c.text, c.speaker, c.member, sha256_of(c.audio)] for c in candidates]
    )
    seed = int(digest[:15], 16)
    return Planted(folder, digest, "utterance", candidates, seed, design="observational")
