from __future__ import annotations

import pytest

from targets.core.files import whole_folder


def test_a_folder_is_there_whole(tmp_path):
    with whole_folder(tmp_path / "a") as aside:
        (aside / "in").mkdir()
        (aside / "in" / "file").write_text("x")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "in" / "file").read_text() == "x"


def test_or_not_there_at_all(tmp_path):
    def fail() -> None:
        with whole_folder(tmp_path / "a") as aside:
            (aside / "file").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    with whole_folder(tmp_path / "a"):
        pass  # an empty folder is nothing
    (tmp_path / "a" / "mine").write_text("x")
    with pytest.raises(FileExistsError, match="not replaced"), whole_folder(tmp_path / "a"):
        pass
    assert (tmp_path / "a" / "mine").read_text() == "x"
