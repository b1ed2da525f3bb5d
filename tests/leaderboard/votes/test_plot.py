"""The picture of votes: with what is known, and without what is not."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from leaderboard.votes import labels
from leaderboard.votes.plot import draw
from targets.core.errors import OverheardError
from tests.leaderboard.votes.runs import SAID, write_run


def test_each_panel_is_drawn_where_its_figures_are_known(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "said_in_public", lambda *_: SAID)
    bare = write_run(tmp_path / "bare", keep=False)
    whole = write_run(tmp_path / "whole", seeds=2)
    draw([bare], tmp_path / "bare.png")
    draw([whole, bare], tmp_path / "whole.png", tmp_path)
    first, both = imread(tmp_path / "bare.png"), imread(tmp_path / "whole.png")
    assert first.shape[1] == both.shape[1] == 1300
    assert both.shape[0] == pytest.approx(2 * first.shape[0], abs=2)
    # Above: agreement, leads, labels. What is known has axes, what is not a line of grey words.
    dark = [
        (panel[..., :3].sum(axis=2) < 0.3).sum()
        for picture in (both[: len(both) // 2], first)
        for panel in (picture[60:360, :400], picture[60:360, 880:])
    ]
    assert min(dark[:2]) > 5 * max(dark[2:])
    assert np.isfinite(both).all()


def test_a_picture_that_is_no_png_is_refused(tmp_path):
    with pytest.raises(OverheardError, match=r"--plot .*v\.pdf: the picture is a PNG file"):
        draw([tmp_path], tmp_path / "v.pdf")
