"""No bytes and no structure of a suite, record, table or submission end in a traceback or a hang.

`OVERHEARD_FUZZ=100` makes every case a hundred times as long; `OVERHEARD_FUZZ_SEED` is its seed.
The readers of corpora have `tests/targets/corpora/test_fuzz.py`.
"""

import copy
import json
import random
import time
from importlib.resources import files

import numpy as np
import pytest

from defenses.accounting.event_json import event_from_json
from defenses.accounting.price import price
from leaderboard.audits.votes_account import read_votes
from leaderboard.commands.audits.scores import read_scores
from leaderboard.records.agreement import agreement, overall
from leaderboard.records.attack_result import read_result
from leaderboard.records.merge import merge_runs
from leaderboard.records.model_audit import runs_and_audits
from leaderboard.records.run_folder import read_record, read_records, write_record
from leaderboard.records.store import DIGEST
from leaderboard.site.models import models as models_of_page
from leaderboard.spec.load import built_in_suites, load_suite
from leaderboard.submissions.submission import read_submission
from leaderboard.views.compare import compare
from leaderboard.views.export import export
from leaderboard.views.table import Format, table
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.synthetic.cache import CacheError, load_utterances, save_utterances
from tests.fakes import speech
from tests.leaderboard.records.test_attack_result import attack_result
from tests.leaderboard.records.test_model_audit import content as model_audit
from tests.leaderboard.views.test_table import record
from tests.targets.corpora.test_fuzz import SEED, SLOW, TIMES, damaged

SECONDS = 0.3 * TIMES  # of each test
STRANGE = (
    *(None, True, False, 0, -1, 1, 0.5, 1e308, -1e-308, 2**63, 10**400, "", "inf", "-inf", "nan"),
    *("ε", "../x", "a" * 5000, "\0", "\n", "\x1b[2J", [], {}, [[]], {"": None}, [1, "a", None]),
    *({"value": None}, {"value": 1, "low": "inf", "high": "-inf", "level": 2, "method": ""}),
)


def promised(read, *places):
    """Read, and hold the reader to its promise: what is wrong is said in lines that say where."""
    begin = time.process_time()
    found, complaint = None, None
    try:
        found = read(*places)
    except (OverheardError, CacheError) as error:
        complaint = str(error)
    if complaint is not None:
        assert complaint
        assert all(line.isprintable() for line in complaint.splitlines()), repr(complaint)
    assert time.process_time() - begin < SLOW
    return found


def rounds(capfd, what):
    """Yield a generator of its own for every round that there is time for."""
    end, done = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or done < 20:
        yield random.Random(f"{SEED} {what} {done}")
        done += 1
    if TIMES > 1:
        with capfd.disabled():
            print(f"{done} {what}, seed {SEED}")


def changed(content, rng):
    """Return a structure with a few of its values exchanged, taken out, or put in elsewhere."""
    content = json.loads(json.dumps(content))
    for _ in range(rng.choice((1, 1, 1, 3))):
        place = content
        while isinstance(place, dict | list) and place:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = rng.choice(list(keys))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
                match rng.randrange(4):
                    case 0:
                        del place[key]
                    case 1 if isinstance(place, dict):
                        place[rng.choice(("x", "id", "value", key + key))] = copy.deepcopy(
                            rng.choice(STRANGE)
                        )
                    case _:
                        place[key] = copy.deepcopy(rng.choice(STRANGE))
                break
            place = inner
    return content


def published():
    folder = files("leaderboard") / "published"
    return sorted(path for suite in folder.iterdir() for path in suite.iterdir()
                  if path.name.endswith(".json"))  # fmt: skip


def toml_of(rng, lines):
    """Return the lines of a suite with values exchanged, or lines lost, doubled or moved."""
    lines = list(lines)
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(len(lines))
        match rng.randrange(4):
            case 0:
                lines[at] = ""
            case 1:
                lines.insert(rng.randrange(len(lines)), lines[at])
            case _ if "=" in lines[at]:
                value = rng.choice(STRANGE)
                text = "1979-05-27" if value is None else json.dumps(value)
                lines[at] = f"{lines[at].partition('=')[0]}= {text}"
    return "\n".join(lines)


def test_suites(tmp_path, capfd):
    path = tmp_path / "s.toml"
    texts = [(files("leaderboard") / "suites" / f"{n}.toml").read_text() for n in built_in_suites()]
    for rng in rounds(capfd, "suites"):
        text = rng.choice(texts)
        if rng.random() < 0.5:
            path.write_bytes(damaged(text.encode(), rng))
        else:
            path.write_text(toml_of(rng, text.splitlines()), encoding="utf-8")
        suite = promised(load_suite, path)
        if suite is not None:
            assert suite.cells()


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_too_long_to_count_with_are_refused(tmp_path, digits):
    number = "9" * digits
    suite = (files("leaderboard") / "suites" / "tiny.toml").read_text()
    places = {"s.toml": (load_suite, suite.replace("epochs = ", f"epochs = {number} # "))}
    for name, read in (("r.json", read_record), ("a.json", read_result)):
        every = attack_result(0.6, 1.0).content if read is read_result else published_record()
        content = json.dumps(with_values(every, 10**400)).replace("1" + "0" * 400, number)
        places[name] = (read, content)
    for name, (read, text) in places.items():
        path = tmp_path / name
        if name.endswith(".json") and digits < 4300:  # longer ones are no JSON to Python
            content = json.loads(text)
            text = json.dumps({**content, DIGEST: digest_of(content)})
        path.write_text(text)
        with pytest.raises(OverheardError, match=name):
            read(path)


def published_record():
    content = json.loads(min(published(), key=lambda path: path.stat().st_size).read_bytes())
    del content[DIGEST]
    return content


def with_values(content, value):
    """Return a structure in which every estimate has this value."""
    if isinstance(content, list):
        return [with_values(one, value) for one in content]
    if isinstance(content, dict):
        return {k: value if k == "value" else with_values(v, value) for k, v in content.items()}
    return content


def test_records_by_bytes_and_by_structure(tmp_path, capfd):
    every = [(path, path.read_bytes()) for path in published()]
    # Small ones: a record of a thousand candidates takes a tenth of a second to seal.
    every = sorted(every, key=lambda item: len(item[1]))[:20]
    for rng in rounds(capfd, "records"):
        path, data = rng.choice(every)
        (tmp_path / "r").mkdir(exist_ok=True)
        copy = tmp_path / "r" / path.name
        if rng.random() < 0.3:
            copy.write_bytes(damaged(data, rng))
        else:
            content = json.loads(data)
            content.pop(DIGEST)
            content = changed(content, rng)
            copy.write_text(json.dumps({**content, DIGEST: digest_of(content)}))
        read = promised(read_record, copy)
        if read is not None and promised(read_records, tmp_path / "r"):
            for form in (Format.TEXT, Format.JSON):
                promised(table, tmp_path / "r", form)
            promised(export, [tmp_path / "r"], Format.CSV)
            promised(compare, [tmp_path / "r"], Format.TEXT)
            promised(merge_runs, [tmp_path / "r"], tmp_path / f"m{rng.random()}")
            assert promised(lambda one: overall(agreement(one, one)), read) is not None
        copy.unlink()


def test_audits_of_models(tmp_path, capfd):
    run = tmp_path / "run"
    write_record(record("rnnt-none-seed0", 1.0, 0.8, 0.1), run)
    whole = model_audit()
    for rng in rounds(capfd, "audits of models"):
        path = tmp_path / "audit.json"
        other = changed(whole, rng)
        text = json.dumps({**other, DIGEST: digest_of(other)}).encode()
        path.write_bytes(damaged(text, rng) if rng.random() < 0.2 else text)
        promised(read_record, path)
        found = promised(runs_and_audits, [run, path])
        if found is not None:
            runs, models = found
            for form in (Format.TEXT, Format.JSON, Format.CSV):
                said = table(run, form, models=models)
                assert all(line.isprintable() for line in said.splitlines())
                compare(runs, form, models=models)
            models_of_page(models)


def test_results_of_attacks(tmp_path, capfd):
    content = attack_result(0.6, 1.0).content
    for rng in rounds(capfd, "results of attacks"):
        path = tmp_path / "a.json"
        other = changed(content, rng)
        path.write_bytes(damaged(json.dumps(other).encode(), rng) if rng.random() < 0.2 else
                         json.dumps({**other, DIGEST: digest_of(other)}).encode())  # fmt: skip
        promised(read_result, path)


@pytest.mark.parametrize("read", [lambda p: read_scores(p, "one_run"), read_votes])
def test_tables_of_numbers(tmp_path, capfd, read):
    text = "score,member,group\n1.5,1,ann\n-2,0,bob\n0.5,true,cy\n"
    numbers = "3,1,0\n2,2,0\n0,0,4\n"
    npy = tmp_path / "votes.npy"
    np.save(npy, np.array([[3, 1], [2, 2]]))
    array = npy.read_bytes()
    table_of = tmp_path / "t.csv"
    for rng in rounds(capfd, "tables"):
        npy.write_bytes(damaged(array, rng))
        table_of.write_bytes(damaged(rng.choice((text, numbers)).encode(), rng))
        promised(read, npy if rng.random() < 0.2 else table_of)


def test_submissions(tmp_path, capfd):
    source = (files("leaderboard") / "templates" / "defense.txt").read_bytes()
    path = tmp_path / "mine.py"
    for rng in rounds(capfd, "submissions"):
        path.write_bytes(damaged(source, rng))
        promised(read_submission, f"{path}:Mine", rng.choice(("defense", "attack")))


def test_events(capfd):
    gaussian = {"kind": "gaussian", "noise_multiplier": 1.1}
    sampled = {"kind": "poisson_sampled", "sampling_probability": 0.1, "event": gaussian}
    event = {"kind": "repeated", "count": 10, "event": sampled}
    whole = {"kind": "composed", "events": [event, gaussian, {"kind": "laplace",
             "noise_multiplier": 2.0}, {"kind": "no_op"}]}  # fmt: skip
    for rng in rounds(capfd, "events"):
        text = json.dumps(changed(whole, rng))
        if rng.random() < 0.3:
            text = damaged(text.encode(), rng).decode(errors="replace")
        read = promised(event_from_json, text)
        if read is not None:
            promised(price, read, 1e-5)


def test_the_cache_of_speech(tmp_path, capfd):
    path = tmp_path / "speech.safetensors"
    save_utterances(path, speech(2, "a"))
    data = path.read_bytes()
    for rng in rounds(capfd, "caches"):
        path.write_bytes(damaged(data, rng))
        promised(load_utterances, path)
