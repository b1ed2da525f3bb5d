"""The comparison: ratios, rank correlations within and across schemes, and the picture."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from matplotlib.image import imread

from leaderboard.records.attack_result import write_result
from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import write_record
from leaderboard.views.compare import (
    FEWEST,
    compare,
    comparison,
    correlation,
    correlation_table,
    groups,
)
from leaderboard.views.compare_plot import draw, styles_of
from leaderboard.views.table import Format
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from tests.leaderboard.records.test_attack_result import attack_result
from tests.leaderboard.views.test_table import CELLS, measured, record

NAMES = [f"rnnt-{scheme}-eps{e}-seed0" for scheme in ("dpsgd", "pate-gnmax") for e in (1, 10)]


@pytest.fixture
def run(tmp_path):
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.1), tmp_path)
    for name, auc in zip(NAMES, (0.5, 0.61, 0.52, 0.6), strict=True):
        epsilon = 10.0 if "eps10" in name else 1.0
        write_record(record(name, epsilon, auc, 0.4), tmp_path)
    return tmp_path


def test_the_ratio_is_of_audited_to_claimed(run):
    rows = json.loads(compare([run], Format.JSON))
    assert rows[0]["epsilon"] is None
    assert rows[0]["ratio"] is None
    assert rows[1]["epsilon"] == 1.0
    assert rows[1]["ratio"] == pytest.approx(0.7)
    assert rows[2]["ratio"] == pytest.approx(0.07)
    assert rows[1]["ceiling"] == 4.9
    assert rows[1]["audited_epsilon"]["high"] == "inf"


def test_a_submitted_attack_is_among_what_is_proven(run, tmp_path):
    write_result(attack_result(0.8, 15.0), run)
    rows = json.loads(compare([run], Format.JSON))
    (falsified,) = (row for row in rows if row["status"] == "falsified")
    others = [row for row in rows if row["status"] != "falsified"]
    assert (falsified["scheme"], falsified["epsilon"], len(others)) == ("dpsgd", 10.0, 4)
    assert falsified["audited_epsilon"]["value"] == 15.0
    assert falsified["ratio"] == 1.5
    assert {r["audited_epsilon"]["value"] for r in others} == {0.7}
    draw([run], tmp_path / "after.png")


def test_an_unscored_audit_has_no_ratio():
    (row,) = comparison(
        [record(NAMES[0], 1.0, 0.5, 0.4, audited_epsilon=Estimate.unscored("no coins"))]
    )
    assert row["ratio"] is None
    assert row["ceiling"] is None


def grown(row, **changes):
    return row | {name: measured(value) for name, value in changes.items()}


def rows_of(scheme, epsilons, aucs):
    (row,) = comparison([record(NAMES[0], 1.0, 0.5, 0.4)])
    return [
        grown(row | {"scheme": scheme, "epsilon": epsilon}, membership=auc)
        for epsilon, auc in zip(epsilons, aucs, strict=True)
    ]


def test_within_a_scheme_epsilon_may_rank_what_it_does_not_rank_across():
    ladder = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
    loose = rows_of("loose", ladder, [0.70, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76])
    tight = rows_of("tight", [3 * e for e in ladder], [0.50, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56])
    found = groups([*loose, *tight])
    assert list(found) == ["all schemes", "all schemes and no DP", "loose", "tight"]
    for name, expected in (("loose", 1.0), ("tight", 1.0)):
        assert correlation(found[name], "membership").value == pytest.approx(expected)
    across = correlation(found["all schemes"], "membership")
    assert -0.4 < across.value < 0.4
    assert across.low < 0 < across.high


def test_without_dp_epsilon_counts_as_infinite_and_only_there():
    promised = rows_of("dpsgd", range(1, FEWEST), np.linspace(0.6, 0.5, FEWEST - 1))
    open_ = rows_of("none", [None], [0.9])
    found = groups([*promised, *open_])
    assert not correlation(found["all schemes"], "membership").scored
    ranked = correlation(found["all schemes and no DP"], "membership")
    order = [*range(FEWEST - 1, 0, -1), FEWEST]  # 6 5 4 3 2 1 7
    assert ranked.value == pytest.approx(np.corrcoef(range(FEWEST), order)[0, 1])


def test_epsilons_of_different_units_are_not_ranked_together():
    utterances = rows_of("edpsgd", [1.0, 2.0], [0.5, 0.6])
    speakers = [r | {"unit": "speaker"} for r in rows_of("dp-fedavg", [1.0, 2.0], [0.5, 0.6])]
    public = rows_of("public", [0.0], [0.5])
    found = groups([*utterances, *speakers, *public])
    assert list(found)[:4] == [
        "all schemes, per speaker",
        "all schemes and no DP, per speaker",
        "all schemes, per utterance",
        "all schemes and no DP, per utterance",
    ]
    assert found["all schemes, per speaker"] == [*speakers, *public]
    assert found["all schemes, per utterance"] == [*utterances, *public]
    assert list(groups([*speakers, *public]))[:2] == ["all schemes", "all schemes and no DP"]


def test_too_few_cells_are_said_to_be_too_few():
    rows = rows_of("dpsgd", range(1, FEWEST), [0.5] * (FEWEST - 1))
    assert correlation(rows, "membership").method.startswith(f"unscored: {FEWEST - 1} cells")
    alike = rows_of("dpsgd", range(1, 9), [0.5] * 8)
    assert correlation(alike, "membership").method == "unscored: all values are equal"


def test_what_calibration_wastes_ranks_nothing():
    # 9.97 and 10.0 are the same promise: the order of these leakages is chance.
    leaked = [0.5, 0.51, 0.52, 0.53, 0.6, 0.62, 0.61]
    exact = rows_of("s", [1, 1, 1, 1, 10, 10, 10], leaked)
    wasteful = rows_of("s", [0.999, 1, 0.998, 0.997, 9.98, 9.97, 10], leaked)
    assert correlation(wasteful, "membership") == correlation(exact, "membership")


def test_text_ends_with_correlations(tmp_path):
    schemes = ("dpsgd", "pate-gnmax")
    for number, (scheme, e) in enumerate((s, e) for s in schemes for e in (1, 2, 3, 4, 10)):
        cell = CELLS[NAMES[0]].model_copy(
            update={"scheme": scheme, "label": scheme, "epsilon": float(e)}
        )
        write_record(record(NAMES[0], float(e), 0.5 + 0.01 * number, 0.4, cell=cell), tmp_path)
    write_record(failed_record(CELLS["rnnt-none-seed0"], "out of memory"), tmp_path)
    lines = compare([tmp_path], Format.TEXT).splitlines()
    (line,) = [x for x in lines if x.startswith("small: all schemes (10)")]
    assert ", p = " in line
    # A scheme alone has too few; exposure and the rest are the same everywhere, or unscored.
    table = correlation_table([tmp_path], Format.MARKDOWN).splitlines()
    cells = {x.split("|")[1].strip(): [y.strip() for y in x.split("|")[2:-1]] for x in table[2:]}
    assert cells["small: dpsgd (5)"] == ["-"] * 5
    assert [x == "-" for x in cells["small: all schemes and no DP (11)"]] == [False] + [True] * 4
    for form in (Format.CSV, Format.LATEX, Format.MARKDOWN):
        assert "all schemes" not in compare([tmp_path], form)


def test_several_folders_are_one_table_and_correlated_apart(run):
    both = json.loads(compare([run, run], Format.JSON))
    assert len(both) == 10
    assert {row["suite"] for row in both} == {"small"}
    assert "suite" not in json.loads(compare([run], Format.JSON))[0]
    ranked = correlation_table([run, run], Format.MARKDOWN).splitlines()[2:]
    assert len(ranked) == 8
    assert ranked[:4] == ranked[4:]


def test_the_picture_is_a_thousand_pixels_wide_and_shows_every_scheme(run, tmp_path):
    draw([run, run], tmp_path / "both.png")
    picture = imread(tmp_path / "both.png")
    assert picture.shape[1] == 1000
    pixels = np.round(255 * picture[:, :, :3]).astype(int)
    for colour, _ in styles_of(["none", "dpsgd", "pate-gnmax"]).values():
        assert (pixels == tuple(bytes.fromhex(colour[1:]))).all(axis=2).sum() > 20


def test_a_falsified_claim_is_ringed(tmp_path):
    ring = tuple(bytes.fromhex("8C2D2D"))
    counts = []
    for p_value in (None, 1e-6):
        folder = tmp_path / str(p_value)
        # Above its claim, of half, are both; beside another row it takes more than one bound.
        write_record(record(NAMES[0], 0.5, 0.5, 0.4, audited_p=p_value), folder)
        write_record(record(NAMES[1], 3.0, 0.5, 0.4), folder)
        draw([folder], tmp_path / "one.png")
        pixels = np.round(255 * imread(tmp_path / "one.png")[:, :, :3]).astype(int)
        counts.append((pixels == ring).all(axis=2).sum())
    assert counts[1] > counts[0] + 10


def test_many_schemes_keep_styles_of_their_own():
    styles = styles_of([f"scheme-{i}" for i in range(6)] + ["none"])
    assert len(set(styles.values())) == 7
    assert next(iter(styles)) == "none"


def test_a_picture_that_is_no_png_is_refused(run, tmp_path):
    with pytest.raises(OverheardError, match=r"--plot .*c\.pdf: the picture is a PNG file"):
        draw([run], tmp_path / "c.pdf")
