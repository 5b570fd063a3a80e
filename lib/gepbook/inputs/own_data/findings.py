"""What is found in one file of a user's (逐项所见): gathered by kind and column, mends counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gepbook.inputs.own_data.archives import RefusedError
from gepbook.inputs.own_data.problems import Problem, Severity

#: Cells of one kind named one by one; further ones are counted.
SHOWN = 5
SHOWN_LETTERS = 60

#: By word of `accept`: the rule, and what a note says was done.
MENDS = {
    "full_width": ("full_width", "cells with full-width digits or letters were read as plain ones"),
    "spaces": ("spaces", "cells were read without their spaces"),
    "text_numbers": ("text_number", "numbers kept as text were read as numbers"),
    "text_dates": ("text_date", "dates kept as text were read as dates"),
    "formulas": ("formula", "formulas were read by their stored results"),
    "hidden_sheets": ("hidden", "hidden sheets, rows or columns were left unread"),
    "macros": ("macros", "workbook was read, its macros were not run"),
    "renamed_codes": ("renamed_code", "rows were given the county code in use today"),
    "jumps": ("jump", "unusual changes between years were taken as meant"),
    "totals": ("total", "totals that differ from their parts were taken as meant"),
}


class Findings:
    """Problems of one file, gathered by kind and column; the first few are named one by one."""

    def __init__(self, file: str, accept: Iterable[str] = ()) -> None:
        self.file = file
        self.accept = frozenset(accept)
        self._found: dict[tuple[str, str, Severity], list[Problem]] = {}
        self._mends: Counter[str] = Counter()

    def add(
        self,
        rule: str,
        message: str,
        remedy: str,
        *,
        column: str = "",
        place: str = "",
        value: object = "",
        severity: Severity = "error",
    ) -> None:
        """Take down one problem; `column` is the header that the user knows the column by."""
        if column:
            message = f"column {column!r} {message}"
        problem = Problem(self.file, rule, message, remedy, place, shown(value), severity)
        self._found.setdefault((rule, column, severity), []).append(problem)

    def take(self, refusal: RefusedError) -> None:
        """Take down the problems for which the file was not read."""
        for problem in refusal.found:
            self._found.setdefault((problem.rule, "", problem.severity), []).append(problem)

    def refusal(
        self, rule: str, message: str, remedy: str, *, place: str = "", value: object = ""
    ) -> RefusedError:
        """Return the error by which reading the file ends."""
        return RefusedError([Problem(self.file, rule, message, remedy, place, shown(value))])

    def mend(self, word: str, message: str, remedy: str, **where: Any) -> None:
        """Count a mend where the declaration accepts it, else take the defect down."""
        if word in self.accept:
            self.mended(word)
        else:
            advice = f"{remedy} Or list {word} under `accept`."
            self.add(where.pop("rule", MENDS[word][0]), message, advice, **where)

    def mended(self, word: str, times: int = 1) -> None:
        """Count mends that the declaration accepts."""
        self._mends[word] += times

    def problems(self) -> list[Problem]:
        """Return the problems, then a note per kind of mend."""
        listed: list[Problem] = []
        for (_, column, _), found in self._found.items():
            listed += found[:SHOWN]
            if rest := found[SHOWN:]:
                listed.append(self._more(column, rest))
        for word, count in sorted((+self._mends).items()):
            rule, done = MENDS[word]
            remedy = f"Nothing to do; take {word} out of `accept` to see each."
            listed.append(Problem(self.file, rule, f"{count} × {done}", remedy, severity="note"))
        return listed

    def _more(self, column: str, rest: Sequence[Problem]) -> Problem:
        """Return one problem for all that are not named one by one."""
        first, last = rest[0], rest[-1]
        where = f" in column {column!r}" if column else ""
        return replace(
            first,
            message=f"and {len(rest)} more{where}: {first.message}",
            place=" … ".join(dict.fromkeys((first.place, last.place))),
        )


def shown(value: object) -> str:
    """Return a value as a short text."""
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}…"
