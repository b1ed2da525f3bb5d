"""Answers of recognisers, one a line of a file that only grows, from which a run goes on."""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Mapping
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from leaderboard.model_audit.questions import Question
from leaderboard.records.model_audit import Look
from leaderboard.records.store import mistake
from targets.core.errors import OverheardError

_log = logging.getLogger(__name__)

VERSION = 1
DEATHS = 2  # times that a process may end at a question before the question is given up

Value = str | float


class AnswersError(OverheardError):
    """Answers cannot be used: one line that names the file and what to do."""


class Answers:
    """The answers in a file, as a context manager; each is on the disk's side once given.

    A line that was cut off by a crash is passed over. What failed is asked again in the next run.
    """

    def __init__(self, path: Path, planted: str) -> None:
        """Read what there is.

        Args:
            path: the file, made where it is missing.
            planted: the digest of the planted folder, which all answers are about.

        Raises:
            AnswersError: the file is of another planted folder, or no file of answers.
        """
        self.path = path
        self.planted = planted
        self.values: dict[str, Value] = {}
        self.failures: dict[str, str] = {}
        self.looks: list[Look] = []
        self._roles: dict[str, Any] = {}
        self._began: Counter[str] = Counter()
        head = {"version": VERSION, "planted": planted}
        rows = self._rows()
        if rows and rows[0] != head:
            raise AnswersError(
                f"{path}: holds answers about another planted folder — name another --out"
            )
        for row in rows[1:]:
            self._take(row)
        self.failures.clear()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._written = date.fromtimestamp(path.stat().st_mtime) if rows else date.today()
        self._file: TextIOWrapper = path.open("a", encoding="utf-8")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write("\n")
        if not rows:
            self._write(head)

    def __enter__(self) -> Answers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def introduce(self, role: str, who: Mapping[str, Any]) -> None:
        """Say who answers in a role.

        Raises:
            AnswersError: another recogniser has answered in that role before.
        """
        known = self._roles.get(role)
        if known is None:
            self._roles[role] = dict(who)
            self._write({"role": role, "who": dict(who)})
        elif known != dict(who):
            raise AnswersError(
                f"{self.path}: the {role} that answered before was {known.get('name')}, and it or "
                "its weights have changed, or its language or device — name another --out"
            )
        elif who.get("digest") is None:
            _log.warning(
                "%s: answers of %s are reused; %s has no digest: if it has changed since, name "
                "another --out",
                *(self.path, self._written, who.get("name")),
            )

    def take_over(self, path: Path, *, stopped: bool = False) -> None:
        """Keep what another process was told, and why it was not told the rest.

        A person may have `stopped` it: then the question that it was asking did not end it.

        Raises:
            AnswersError: the file is of another planted folder, or no file of answers.
        """
        with Answers(path, self.planted) as others:
            rows = others._rows()[1:]
        for row in rows:
            self._take(row)
            self._write(row)
            if "failed" in row:
                self.failures[row["key"]] = row["failed"]
        for key in {row["began"] for row in rows if "began" in row} if stopped else ():
            if self._began[key] and key not in self.values:
                self._began[key] = 0
                self._write({"key": key, "failed": "the run was stopped"})

    def deadly(self, question: Question) -> bool:
        """Return whether the process ended several times while this was being asked."""
        return self._began[question.key] >= DEATHS and question.key not in self.values

    def begin(self, question: Question) -> None:
        """Say that a question is being asked, lest it ends the process again and again."""
        self._write({"began": question.key})

    def give(self, question: Question, value: Value) -> None:
        """Keep an answer."""
        self.values[question.key] = value
        infinite = isinstance(value, float) and math.isinf(value)
        self._write(
            {"key": question.key, "value": str(value) if infinite else value, "inf": 1}
            if infinite
            else {"key": question.key, "value": value}
        )

    def fail(self, question: Question, reason: str) -> None:
        """Keep why there is no answer."""
        self.failures[question.key] = reason
        self._write({"key": question.key, "failed": reason})

    def pass_over(self, question: Question, reason: str) -> None:
        """Say why a deadly question has no answer: not in the file, where it would ask again."""
        self.failures[question.key] = reason

    def look(self, look: Look) -> int:
        """Keep that the coins were looked at, and return which look it is, from 1.

        The same choices with the same scores are the look that was made before.
        """
        known = [_but_when(one) for one in self.looks]
        if _but_when(look) in known:
            return 1 + known.index(_but_when(look))
        self.looks.append(look)
        self._write({"look": look.model_dump(mode="json")})
        return len(self.looks)

    def text(self, question: Question) -> str | None:
        """Return what was written, or None where there is no answer."""
        value = self.values.get(question.key)
        return value if isinstance(value, str) else None

    def number(self, question: Question) -> float | None:
        """Return a log-likelihood in nats; None where there is no answer, or -inf."""
        value = self.values.get(question.key)
        return value if isinstance(value, float) and math.isfinite(value) else None

    def _take(self, row: dict[str, Any]) -> None:
        if "role" in row:
            self._roles[row["role"]] = row["who"]
        elif "began" in row:
            self._began[row["began"]] += 1
        elif "look" in row:
            self.looks.append(self._look(row["look"]))
        elif "failed" in row:
            self._began[row["key"]] = 0  # it failed, and ended nothing
        elif "key" in row:
            value = float(row["value"]) if "inf" in row else row["value"]
            self.values[row["key"]] = value

    def _look(self, row: object) -> Look:
        try:
            return Look.model_validate_json(json.dumps(row))
        except ValidationError as error:
            raise AnswersError(
                f"{mistake(self.path, error)} (of a look at the coins) — restore the file, or name "
                "another --out"
            ) from None

    def _rows(self) -> list[dict[str, Any]]:
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        rows = []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                rows.append(row)
        if lines and not rows and any(line.strip() for line in lines):
            raise AnswersError(f"{self.path}: is no file of answers — name another --out")
        return rows

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n")
        self._file.flush()


def _but_when(look: Look) -> dict[str, Any]:
    return look.model_dump(mode="json", exclude={"made"})
