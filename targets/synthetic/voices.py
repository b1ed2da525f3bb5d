"""The speakers of the embedded corpus: moderate settings of a formant synthesiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from targets.core.randomness import Randomness

ACCENTS = ("en-US", "en", "en-GB-x-rp", "en-US-nyc")
OTHER_LANGUAGES: Mapping[str, str] = {"es": "roa/es", "de": "gmw/de"}  # eSpeak's files of them

# Of 112 candidates, eleven were left out because a CTC recogniser trained on half of the others
# (20 phrases a voice) had a word error rate above 0.24 on them, and five because they were the
# harder to understand of two that sound alike (mean and spread of 19 MFCCs). The 96 that remain
# had 0.145 on average, 0.238 at worst.
_HARD_TO_UNDERSTAND = {13, 29, 66, 78, 82, 83, 86, 101, 103, 104, 110}
_LIKE_ANOTHER = {5, 22, 34, 57, 79}
_CHOSEN = tuple(n for n in range(112) if n not in _HARD_TO_UNDERSTAND | _LIKE_ANOTHER)


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker.

    `variant` is the text of an eSpeak voice-variant file and `rate` the usual words a minute. One
    that speaks another language than English has no accent.
    """

    name: str
    gender: str
    accent: str
    rate: int
    variant: str
    other_language: str = ""

    @property
    def language(self) -> str:
        """The eSpeak language file: of the accent, or of another language."""
        return OTHER_LANGUAGES.get(self.other_language, f"gmw/{self.accent}")

    def with_accent(self, accent: str) -> Voice:
        """Return the same throat with another accent in English: the name of an eSpeak file."""
        return replace(self, accent=accent)

    def speaking(self, language: str) -> Voice:
        """Return the same throat in another language of `OTHER_LANGUAGES`."""
        return replace(self, accent="", other_language=language)


def voice_count() -> int:
    """Return how many voices there are."""
    return len(_CHOSEN)


def voice(index: int) -> Voice:
    """Return the voice number `index`, always the same one.

    Raises:
        ValueError: there is no such voice.
    """
    if not 0 <= index < len(_CHOSEN):
        raise ValueError(f"no voice {index}: the embedded corpus has {len(_CHOSEN)} voices, from 0")
    return candidate(_CHOSEN[index], name=f"voice{index:02d}")


def candidate(number: int, *, name: str) -> Voice:
    """Draw the voice that `number` stands for, intelligible or not."""
    rng = Randomness(0).child("voices", number).numpy()
    female = number % 2 == 0
    # Formants scale with the length of the vocal tract, pitch with the vocal folds: related in
    # people, so drawn around the same gender, but free of each other within it.
    tract = rng.uniform(1.08, 1.24) if female else rng.uniform(0.90, 1.04)
    pitch = rng.uniform(160, 240) if female else rng.uniform(78, 140)
    top = pitch * rng.uniform(1.2, 1.6)
    lines = [
        "language variant",
        f"name {name}",
        f"gender {'female' if female else 'male'}",
        f"pitch {pitch:.0f} {top:.0f}",
        # Without these two a voice trembles differently each time it speaks.
        "flutter 0",
        "roughness 8",
        f"voicing {rng.uniform(85, 115):.0f}",
        f"consonants {rng.uniform(80, 120):.0f} {rng.uniform(80, 120):.0f}",
        f"tone 600 {rng.uniform(150, 200):.0f} 1200 {rng.uniform(100, 165):.0f} "
        f"2000 {rng.uniform(70, 150):.0f}",
        f"formant 0 100 {rng.uniform(80, 120):.0f} 100",
    ]
    for number_of_formant in range(1, 9):
        # The first two carry the vowels and stay close to the tract; the others colour the voice.
        spread = 0.03 if number_of_formant <= 2 else 0.07
        scale = 100 * tract * rng.uniform(1 - spread, 1 + spread)
        strength, width = rng.uniform(80, 120), rng.uniform(80, 130)
        lines.append(f"formant {number_of_formant} {scale:.0f} {strength:.0f} {width:.0f}")
    stress = np.round(rng.uniform(-15, 15, size=8)).astype(int)
    lines.append("stressAdd " + " ".join(map(str, stress)))
    return Voice(
        name=name,
        gender="female" if female else "male",
        accent=ACCENTS[int(rng.choice(len(ACCENTS), p=(0.4, 0.2, 0.2, 0.2)))],
        rate=round(rng.uniform(155, 195)),
        variant="\n".join(lines) + "\n",
    )
