"""What to do next, in plain words, from what an audit found."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import hypergeom

from leaderboard.model_audit.canary_table import Row, Share
from leaderboard.model_audit.result import Result
from leaderboard.records.model_audit import EVERYONE, UTTERANCES, of_looks

FALSIFIED = "falsified"
BARELY = 0.02  # of an AUC, beyond chance
RARE = 0.05  # of a p-value


def advice(result: Result) -> tuple[str, ...]:
    """Return what to do, the most urgent first."""
    return (
        *_of_lists(result),
        *_of_claim(result),
        *_of_secrets(result),
        *_of_words(result),
        *_of_members(result),
        *_of_audit(result),
    )


def _of_lists(result: Result) -> list[str]:
    if result.blind is None or not result.blind.auc.scored:
        return [
            "How well the two lists are told without the model is not known, so that figures of "
            "attacks would say nothing about it, and none is shown. Give lists of more speakers."
        ] * (result.design == "observational")
    area = result.blind.auc
    rate = f"AUC {area.value:.2f} [{area.low:.2f}, {area.high:.2f}]"
    if result.design == "one_run":
        # One in forty is above by chance; this is a check of the folder, and no figure of a leak.
        return [
            f"Members are told from others without the model ({rate}), although fair coins were "
            "tossed. If that is far beyond chance, look whether the folder was changed."
        ] * (area.low > 0.5 + BARELY)
    if area.low > 0.5 + BARELY:
        return [
            f"Your two lists differ without any model ({rate}; 0.5 is chance). An attack may see "
            "that difference alone, so that its own figures say nothing about the model: look at "
            "what it gains. Better lists come from `overheard plant`, before a training."
        ]
    return [f"The two lists are hardly told apart without the model ({rate}; 0.5 is chance)."]


def _of_claim(result: Result) -> list[str]:
    claim = result.claimed_epsilon
    if result.verdict == FALSIFIED:
        return [
            f"Do not promise ε = {claim:g}. The training lets more through than that allows. Look "
            "for noise that is not added, gradients that are clipped after they are averaged, or "
            "data that is read outside of the private training; then train and audit again."
        ]
    if result.verdict.startswith("cannot tell: ceiling"):
        return [
            f"This audit could not have contradicted ε = {claim:g}, so it does not support it "
            "either. Plant more candidates (`overheard plant --claimed-epsilon` says how many), or "
            "give `--noise gaussian` if the training is DP-SGD."
        ]
    if result.verdict == "consistent":
        return [
            f"Nothing here contradicts ε = {claim:g}. That is no proof of it: only the accounting "
            "of the training is. A stronger attack may find more."
        ]
    return []


def _of_secrets(result: Result) -> list[str]:
    if result.canaries:
        return [_of_canaries(result.canaries)]
    if result.design == "observational":
        return ["Nobody tossed coins, so that no ε can be audited, and no secrets were planted."]
    return ["No canaries were planted, so that nothing is known about the extraction of secrets."]


def _of_words(result: Result) -> list[str]:
    found = result.untargeted
    if found is None or found.p is None:
        return []
    trained, held_out = found.secrets_trained, found.secrets_held_out
    said = []
    if _beyond(trained, held_out):
        said.append(
            f"Where nobody speaks it writes whole secrets ({trained.hits} of {trained.of} canaries "
            f"that were trained on, {held_out.hits} of {held_out.of} held out). Nobody needs a "
            "recording for that, nor a guess."
        )
    if found.p < RARE:
        said.append(
            "Where nobody speaks it writes words of the speech that it was trained on "
            f"({found.trained.hits} of {found.trained.of} that only members' transcripts have, "
            f"{found.held_out.hits} of {found.held_out.of} of held-out ones alone; by chance with "
            f"p = {found.p:.2g}). Nobody needs a recording of a customer to get these."
        )
    return said


def _of_canaries(rows: Sequence[Row]) -> str:
    members, held_out, base = _written(rows)
    if not members.of:
        return (
            "No transcript came of a canary that was trained on, so that nothing is known about "
            "the extraction of secrets."
        )
    if _beyond(members, held_out) and _rate(members) > _rate(base):
        each = {n: _written([r for r in rows if r.repetitions == n]) for n in _repetitions(rows)}
        told = [n for n, (inside, outside, _) in each.items() if _beyond(inside, outside)]
        times = f", already of canaries that were said {told[0]}×" if told else ""
        return (
            "The model writes secrets that nobody can hear in the recording "
            f"({members.hits} of {members.of} trained on, {held_out.hits} of {held_out.of} held "
            f"out){times}. Anyone who can ask it for transcripts can do the same with "
            "what customers said. Remove duplicates, remove what should not be learnt (numbers, "
            "names), train for fewer epochs, or train with differential privacy."
        )
    if members.hits:
        return (
            f"Secrets of {members.hits} of {members.of} canaries that were trained on were written "
            "where nobody can hear them, as often as of held-out ones "
            f"({held_out.hits} of {held_out.of}) or by the base ({base.hits} of {base.of}), as far "
            "as so few can tell. That is no sign of a leak."
        )
    return "No planted secret was read off the transcripts of recordings without it."


def _repetitions(rows: Sequence[Row]) -> list[int]:
    return sorted({row.repetitions for row in rows})


def _written(rows: Sequence[Row]) -> tuple[Share, Share, Share]:
    """Return the secrets written of members, of those held out, and of members by the base."""
    parts = [(row.members.written, row.held_out.written, row.members.by_base) for row in rows]
    members, held_out, base = (
        Share(sum(s.hits for s in shares), sum(s.of for s in shares))
        for shares in zip(*parts, strict=True)
    )
    return members, held_out, base


def _beyond(first: Share, second: Share) -> bool:
    """Return whether the first has more hits than chance gives (Fisher, one-sided, 5 %)."""
    hits = first.hits + second.hits
    return float(hypergeom.sf(first.hits - 1, first.of + second.of, hits, first.of)) < 0.05


def _rate(share: Share) -> float:
    return share.hits / share.of if share.of else 0.0


def _of_members(result: Result) -> list[str]:
    if result.design == "observational":
        return []  # what two lists show without a model is in it
    groups = result.rankings.get(result.attack, {})
    found = groups.get(UTTERANCES) or groups.get(EVERYONE)
    if found is None or not found.auc.scored:
        return []
    rate = f"AUC {found.auc.value:.2f} [{found.auc.low:.2f}, {found.auc.high:.2f}]"
    if found.auc.low > 0.5 + BARELY:
        return [
            f"Who was trained on can be told from who was not ({rate}). If membership itself is "
            "sensitive, train for fewer epochs, with more speech, or with differential privacy."
        ]
    return [f"Members are hardly told from others, by this attack ({rate}; 0.5 is chance)."]


def _of_audit(result: Result) -> list[str]:
    said = []
    if result.asked < result.candidates:
        said.append(
            f"Only {result.asked} of {result.candidates} candidates were asked about (`--limit`). "
            "A run without the limit is a further look at the same coins, and is counted as one: "
            f"{of_looks(2)}. Decide on limit and attack before the first verdict."
        )
    if "relative loss" in result.absent and result.attack == "loss":
        said.append(
            "Give the checkpoint that the fine-tuning began from as `--base`: what any model finds "
            "hard is then no longer held against an utterance. It is a further look at the same "
            f"coins, and is counted as one: {of_looks(2)}. Decide before the first verdict."
        )
    if result.attack == "transcript":
        said.append(
            "Only transcripts could be used. An attacker who has the weights sees more than this."
        )
    if result.failures:
        said.append(
            f"{sum(result.failures.values())} questions had no answer. The same command asks them "
            "again and keeps all others."
        )
    return said
