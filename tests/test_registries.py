"""What the tables say of schemes, attacks and targets is what these are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES
from leaderboard.recognisers.registry import DOORS
from targets.corpora.registry import CORPORA
from targets.models.base import ReadsText
from targets.models.registry import TARGETS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ATTACKS.names())
def test_an_attack_sees_what_its_entry_says(name):
    assert ATTACKS.load(name)().access == ATTACKS[name].access


@pytest.mark.parametrize("entry", [e for e in ATTACKS if ATTACKS.is_own(e.name)], ids=str)
def test_an_attack_lies_in_the_folder_of_its_family(entry):
    assert entry.path.startswith(f"attacks.{entry.family}.")


@pytest.mark.parametrize("name", [e.name for e in TARGETS if not e.pretrained])
@torch.no_grad()
def test_a_target_streams_where_its_entry_says_so(name):
    torch.manual_seed(0)
    network = TARGETS.load(name)(29, 8, 8)
    encode = network.encode if isinstance(network, ReadsText) else network.encoder
    counts, audio = torch.tensor([120]), torch.randn(1, 120, 64)
    changed = audio.clone()
    changed[:, 20:] += 1.0  # a tenth of a second after the longest first state
    first, other = (encode(x, counts)[0][:, 0] for x in (audio, changed))
    assert torch.equal(first, other) == TARGETS[name].streams


@pytest.mark.parametrize("name", SCHEMES.names())
def test_a_scheme_takes_an_epsilon_where_its_entry_says_so(name):
    promise = {"epsilon": 1.0} if SCHEMES[name].takes_epsilon else {}
    made = SCHEMES.load(name)(**promise)
    assert hasattr(made, "epsilon") == SCHEMES[name].takes_epsilon


TABLES = (TARGETS, SCHEMES, ATTACKS, CORPORA, DOORS)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_entries_say_in_a_line_what_they_are(table):
    for entry in table:
        assert entry.summary
        assert "\n" not in entry.summary
        assert len(entry.summary) <= 90


def test_tables_are_read_without_importing_what_they_name():
    code = (
        "import sys\n"
        "from attacks.registry import ATTACKS\n"
        "from defenses.registry import SCHEMES\n"
        "from targets.models.registry import TARGETS\n"
        "from targets.corpora.registry import CORPORA\n"
        "from leaderboard.recognisers.registry import DOORS\n"
        "assert all(table.names() for table in (ATTACKS, SCHEMES, TARGETS, CORPORA, DOORS))\n"
        "sys.exit(', '.join({'torch', 'scipy', 'dp_accounting'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == ""
