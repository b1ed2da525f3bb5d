"""What runs inside the sandbox: it takes speech from its input, and answers on its output.

It is started as a file of its own, where `leaderboard` cannot be imported, and imports nothing
large before the limits hold. Everything comes through standard input and leaves through standard
output, in frames: one letter for the kind, eight bytes of length, the content. Nothing is pickled.

    in    job      JSON: what to do, the submission's source, settings, names and texts, limits
          tensors  safetensors: samples, the public start, an attack's target
    out   hello, then any number of progress, then either
          event, unit and weights (a defense), access and scores (an attack), or
          raised (the kind of an error whose words are on standard error)
"""

from __future__ import annotations

import json
import linecache
import os
import resource
import struct
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from torch import Tensor

    from attacks.base import Attack
    from targets.speech.utterance import Utterance
    from targets.training.recipe import Recipe

JOB, TENSORS = b"j", b"t"
HELLO, PROGRESS, RAISED = b"h", b"p", b"r"
EVENT, UNIT, WEIGHTS = b"e", b"u", b"w"
ACCESS, SCORES = b"a", b"s"
HEAD = struct.Struct(">cQ")

Send = Callable[[bytes, bytes], None]


def frame(kind: bytes, content: bytes) -> bytes:
    """Return a frame."""
    return HEAD.pack(kind, len(content)) + content


def main() -> None:
    """Do the one job that comes on standard input."""
    reply = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a submission prints is no answer

    def send(kind: bytes, content: bytes) -> None:
        reply.write(frame(kind, content))
        reply.flush()

    send(HELLO, b"")
    job = json.loads(_read(sys.stdin.buffer, JOB))
    _limit(job["limits"])
    sys.path.insert(0, sys.argv[1])
    try:
        _do(job, _read(sys.stdin.buffer, TENSORS), send)
    except BaseException as error:
        traceback.print_exc()
        send(RAISED, json.dumps(_kind_of(error)).encode())


def _read(stream: BinaryIO, wanted: bytes) -> bytes:
    kind, length = HEAD.unpack(stream.read(HEAD.size))
    if kind != wanted:
        raise ValueError(f"expected frame {wanted!r}, got {kind!r}")
    return stream.read(length)


def _limit(limits: Mapping[str, int]) -> None:
    for name, most in {"RLIMIT_CORE": 0, **limits}.items():
        resource.setrlimit(getattr(resource, name), (most, most))
    # Where memory runs out in spite of all, this process goes first.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _kind_of(error: BaseException) -> str:
    """Return the kind of an error by a name that cannot carry a message."""
    import builtins

    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind:
            return kind.__name__
    return "BaseException"


def _do(job: dict[str, Any], tensors: bytes, send: Send) -> None:
    from targets.core.moved import keep_old_paths

    keep_old_paths()
    made = _maker(job)

    import torch
    from safetensors.torch import load

    from targets.core.progress import listening

    torch.set_num_threads(1)
    torch.manual_seed(0)
    given = load(tensors)
    work: Callable[[dict[str, Any], dict[str, Tensor], Any, Send], None]
    work = {"defense": _defend, "attack": _attack}[job["role"]]
    with listening(lambda fraction: send(PROGRESS, f"{fraction:.4f}".encode())):
        work(job, given, made, send)


def _maker(job: dict[str, Any]) -> Callable[[], Any]:
    """Return what makes the submitted object, from its source as it was sent."""
    name, source = job["file"], job["source"]
    module = types.ModuleType("submission")
    module.__file__ = name
    sys.modules["submission"] = module
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), module.__dict__)
    made = getattr(module, job["class"], None)
    if not callable(made):
        raise NameError(f"{name} has no class {job['class']}")
    return lambda: made(**job["settings"])


def _defend(
    job: dict[str, Any], given: dict[str, Tensor], made: Callable[[], Any], send: Send
) -> None:
    from safetensors.torch import save

    from defenses.accounting.event_json import event_to_json
    from defenses.base import Trained
    from defenses.checks import check_defense
    from targets.core.randomness import Randomness

    recipe = _recipe(job["recipe"], given)
    members, public = _speech(job, given, "members"), _speech(job, given, "public")
    if job["contract"]:
        trained = check_defense(made, recipe, members, public)
    else:
        trained = made().train(recipe, members, public, Randomness(job["seed"]))
    if not isinstance(trained, Trained):
        raise TypeError(f"train returned {type(trained).__name__}, not Trained")
    send(EVENT, event_to_json(trained.event).encode())
    send(UNIT, str(trained.unit).encode())
    weights = {name: w.detach().cpu().contiguous() for name, w in trained.weights.items()}
    send(WEIGHTS, save(weights))


def _attack(
    job: dict[str, Any], given: dict[str, Tensor], made: Callable[[], Any], send: Send
) -> None:
    import torch
    from safetensors.torch import save

    from attacks.base import view_of
    from attacks.checks import check_attack
    from targets.core.randomness import Randomness

    attack: Attack = made()
    recipe = _recipe(job["recipe"], given)
    start, target = recipe.build(), recipe.build()
    target.load_state_dict(_below("target.", given))
    view = view_of(attack.access, target, start, _speech(job, given, "public"))
    candidates = _speech(job, given, "candidates")
    if job["contract"]:
        found = check_attack(attack, view, candidates)
    else:
        found = attack.score(view, candidates, Randomness(job["seed"]))
    send(ACCESS, str(attack.access).encode())
    places = {c.id: place for place, c in enumerate(candidates)}
    send(
        SCORES,
        save(
            {
                "places": torch.tensor([places[c.id] for c in found.candidates], dtype=torch.int64),
                "scores": torch.tensor([float(s) for s in found.scores], dtype=torch.float64),
            }
        ),
    )


def _recipe(described: dict[str, Any], given: dict[str, Tensor]) -> Recipe:
    from targets.speech.tokens import Characters, Subwords
    from targets.training.recipe import Recipe, Schedule

    model = given.get("subwords")
    return Recipe(
        **described | {"schedule": Schedule(**described["schedule"])},
        tokens=Characters() if model is None else Subwords(model.numpy().tobytes()),
        start=_below("start.", given),
        student=_below("student.", given),
    )


def _below(prefix: str, given: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): w for n, w in given.items() if n.startswith(prefix)}


def _speech(job: dict[str, Any], given: dict[str, Tensor], group: str) -> list[Utterance]:
    from targets.speech.utterance import Utterance, Word

    spoken, at = [], 0
    for said in job["speech"][group]:
        samples = given[f"samples.{group}"][at : at + said["samples"]].numpy()
        at += said["samples"]
        words = tuple(Word(*word) for word in said["words"])
        spoken.append(Utterance(said["id"], said["speaker"], samples, said["text"], words))
    return spoken


if __name__ == "__main__":
    main()
