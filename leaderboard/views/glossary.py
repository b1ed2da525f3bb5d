"""What the figures mean, in plain words: one text each, for every page that shows them."""

from __future__ import annotations

import re

from attacks.registry import ATTACKS

COLUMNS = {
    "scheme": "How the training speech was protected. “none” is plain training, without privacy. "
    "The link opens the entry.",
    "target": "The kind of speech recogniser that was trained and attacked.",
    "seed": "Which repetition: another seed draws other random numbers throughout.",
    "epsilon": "The promise: how much one utterance more or less may change what anyone learns "
    "from the model. Smaller is more private; below 1 is strong, above 10 says little. It is "
    "computed by us from what the mechanism did, never stated by a submitter. A dash promises "
    "nothing. Below it is δ, the small probability with which the promise may fail.",
    "wer": "Word error rate: how many words in a hundred are wrong, on speakers whom the model "
    "never heard. Lower is better; above 100 is possible.",
    **{entry.name: entry.column.meaning for entry in ATTACKS if entry.column},
    "audited_epsilon": "What an attack has proven: with 95 % confidence the true ε is at least "
    "this. Above the promised ε the promise is false. Far below it, nothing is proven: the attack "
    "may be weak. The ceiling is the most that a perfect attack could have proven with as many "
    "candidates. Where attacks were submitted later, the strongest known stands below what the "
    "suite's own found, here and for membership; all submitted ones together claim too much at "
    "most once in twenty.",
    "audited_epsilon_worst_case": "The same, with start and canary chosen against the scheme so "
    "that the final weights alone show as much as they can: computed once for each scheme and ε, "
    "on a small model, at settings of its own. A dash: no worst case is known.",
    "audited_epsilon_mechanism": "The same by an auditor who watches all that the scheme's "
    "mechanism releases while it trains, at the settings of the row: computed once for each "
    "mechanism and ε. Near the promise, the promise is as small as it can be. Its method says what "
    "it assumes.",
    "status": "ok: measured in full, and a false promise might have been found. falsified: attacks "
    "proved more than was promised, at 95 % confidence for all rows of the board together. cannot "
    "tell: the audit says nothing of this promise. Its ceiling lies below the claim, so that even "
    "a perfect attack would not have found it false; or there is no bound; or its own bound is "
    "above the claim, as happens by chance among so many rows. failed: "
    "it gave nothing, for the reason shown. disqualified: it broke the rules. superseded: a later "
    "record corrects it. No entry is ever dropped.",
}

INTERVALS = (
    "Below each figure is its interval, at 95 % confidence unless its entry says otherwise. "
    "A dash is not measured, never zero."
)

FIGURES = {
    "wer": "Word error rate on speakers nobody trained on.",
    "wer_members": "Word error rate on the private utterances that were trained on.",
    "wer_held_out": "Word error rate on the private utterances that the coin held out: the gap "
    "to the line above is what the model knows by heart.",
    "audited_epsilon": "The least ε that is compatible with what the attack achieved.",
    "audited_epsilon_worst_case": "The same from final weights alone, where start and canary were "
    "chosen against the scheme.",
    "audited_epsilon_mechanism": "The same by watching all that the mechanism releases.",
    "auc": "How often a member is ranked above a held-out candidate; 0.5 is guessing.",
    "auc_less_public": "The same less that of the same attack on the row “public”, on the same "
    "candidates and coins, paired: what is beyond chance.",
    "exposure_less_public": "Bits of secrets said once, less those of the same secrets in the row "
    "“public”.",
    "wer_less_public": "Word error rate less that of the row “public”, paired by utterance.",
    "wer_less_start": "Word error rate less that of the public start, paired by utterance.",
    "tpr_at_1pct_fpr": "Share of members recognised with certainty enough to accuse only one in "
    "a hundred wrongly; 0.01 is guessing.",
    "tpr_at_0.1pct_fpr": "The same with one in a thousand accused wrongly; 0.001 is guessing.",
    "balanced_accuracy": "Share of right answers when both are equally many; 0.5 is guessing.",
    "exposure": "Bits by which the true secret leads among all that it could have been; 1.44 is "
    "chance.",
    "exposure_extrapolated": "The same from a skew-normal fitted to a sample of the others: it can "
    "go on where ranks end.",
    "secret_written": "Share of recordings with the secret covered in which the model writes it.",
    "words_written": "Share of the secret's words that the model writes, in their order.",
    "words_written_by_public_start": "The same share, of the public model: the control.",
    "other_secret_written": "Share of such recordings in which it writes another one's secret.",
    "secret_written_for_others": "Share of recordings of others in which it writes this secret.",
    "abstained": "Share of such recordings in which it writes nothing that could be a secret.",
    "words_in_beam": "Share of the secret's words in the transcripts of the beam, by their odds.",
    "words_in_beam_by_public_start": "The same share, of the public model: the control.",
    "words_in_beam_gain": "The share of the secret's words in the beam, less the public model's.",
    "secret_in_beam": "Share of secrets that are whole in a transcript of the beam.",
    "secret_in_beam_by_public_start": "The same share, of the public model: the control.",
    "exact_match": "Share of secrets that the descent ends with, whole.",
    "slots_right": "Share of a secret's digits or names that it ends with.",
    "slots_right_by_chance": "The same share for a blind guess.",
    "hamming_distance": "How many digits or names it has wrong.",
    "words_recovered": "Share of the secret's words that the attacker's best guess has right.",
    "cosine": "Likeness of the reconstruction and the original spectrogram; 1 is equal.",
    "cosine_of_public_start": "The same likeness, from the public model alone: the control.",
    "cosine_of_mean_speaker": "The same likeness of what the attack starts from, without a model.",
    "cosine_beyond_mean": "Likeness in what goes beyond the average of public speech.",
    "cosine_gain": "How much of that likeness the public model alone does not give; 0 is nothing.",
    "cepstral_distortion": "Mel-cepstral distortion to the original in dB; 0 is equal.",
    "stoi": "How intelligible the rebuilt sound is beside the original; 1 is equal.",
    "heard_wer": "Word error rate of what an independent small recogniser hears in it.",
    "speaker_rank": "Place of the true voice among all enrolled ones; 1 is recognised.",
    "equal_error_rate_of_original": "Error rate of the voice comparison on real recordings.",
    "way_back": "Cosine of the model's gradient under noise and the way to the clean recording.",
    "way_back_gain": "How much better than the public model it knows that way; 0 is nothing.",
    "letters_f1": "How well the letters of the transcript are read in the gradient; 1 is all.",
    "words_f1": "How well the words are heard in what was rebuilt from the gradient; 1 is all.",
}
_SIDES = {
    "_of_public_start": "The same from the public model alone: a control.",
    "_of_untrained": "The same from a model whose weights are shuffled: a control.",
    "_of_mean_speaker": "The same of the mean speaker, without any model: a control.",
    "_of_public": "The same of what is commonest in public transcripts: a control.",
    "_of_original": "The same of the original itself: the best that can be reached.",
    "_clipped": "The same from the gradient clipped to norm 1.",
    "_epsilon_10": "The same from the clipped gradient with noise for ε = 10.",
    "_epsilon_1": "The same from the clipped gradient with noise for ε = 1.",
    "_held_out": "The same for candidates that were not trained on.",
    "_difference": "Members less held-out candidates: above 0 it is memory.",
}

# Kinds of canaries: what they say, how they sound, how fast they are said, how often.
_KIND = re.compile(r"_(?P<sound>clear|obscured)(_(?P<speed>\d+)x)?(_said_(?P<said>\d+))?$")
_SPACE = re.compile(r"_of_(?P<space>[a-z0-9]+)$")

CHANCE = {entry.name: entry.column.chance for entry in ATTACKS if entry.column}
"""What an attacker who knows nothing gets of each attack's headline figure."""


def explained(figure: str) -> str:
    """Return what a figure of an attack means; nothing where nobody wrote it down.

    A figure of some candidates only names them after a comma: `auc, gender female`.
    """
    name, _, cohort = figure.partition(", ")
    if cohort and name in FIGURES:
        return f"{FIGURES[name]} Among {cohort} alone."
    if name in FIGURES:
        return FIGURES[name]
    kind = _KIND.search(name)
    if kind and name[: kind.start()] in FIGURES:
        pace = f", at {kind['speed']} times the usual pace" if kind["speed"] else ""
        often = f", said {kind['said']} times an epoch" if kind["said"] else ""
        return f"{FIGURES[name[: kind.start()]]} Of {kind['sound']} canaries alone{pace}{often}."
    side = next((text for end, text in _SIDES.items() if name.endswith(end)), "")
    space = _SPACE.search(name)
    if not side and space and name[: space.start()] in FIGURES:
        return f"{FIGURES[name[: space.start()]]} Of secrets of the kind {space['space']} alone."
    return side
