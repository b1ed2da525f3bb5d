"""A run whose recognisers hear nothing says so above its figures, and no other does."""

import pytest

from leaderboard.records.run_folder import write_record
from leaderboard.views.caution import caution
from leaderboard.views.table import Format, table
from targets.core.estimate import Estimate
from tests.leaderboard.records.test_agreement import record
from tests.leaderboard.views.test_table import measured


@pytest.mark.parametrize(
    ("rates", "warned"),
    [((1.0,), True), ((0.95, 1.3), True), ((0.5, 1.0), False), ((0.89,), False), ((), False)],
)
def test_who_is_warned(rates, warned):
    records = [record(wer=measured(rate)) for rate in rates]
    assert (caution([*records, record(wer=Estimate.unscored("lost"))]) is not None) == warned


def test_the_table_says_it_where_it_is_read(tmp_path):
    write_record(record(wer=measured(1.0)), tmp_path)
    assert "THESE FIGURES MEAN NOTHING" in table(tmp_path, Format.TEXT)
    assert "MEAN NOTHING" not in table(tmp_path, Format.CSV)
