"""Rules that are tables: CSV files of `params/policy/`, every row with its source (规则表)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from gepbook.errors import ParameterError
from gepbook.params import CONFIDENCES

#: What is wrong in a row: its line in the file, and a sentence with the remedy.
RowProblem = tuple[Any, str]


def read(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Return the rows of a rule table as texts, indexed by line of the file; empty cells are ''.

    Raises
    ------
    ParameterError
        When the file cannot be read, or has other columns than those.
    """
    wanted = list(columns)
    try:
        rows = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    except (ValueError, OSError) as error:
        raise ParameterError(f"{path}: cannot be read ({error}). Restore the file.") from error
    if list(rows.columns) != wanted:
        raise ParameterError(
            f"{path}: columns must be {', '.join(wanted)}, got {', '.join(rows.columns)}. "
            "Correct the header."
        )
    rows.index = rows.index + 2  # the header is line 1
    return rows


def source_problems(rows: pd.DataFrame, prefix: str = "") -> Iterator[RowProblem]:
    """Give the rows whose source is empty or whose confidence is none; `prefix` begins the columns."""
    source, confidence = f"{prefix}source", f"{prefix}confidence"
    for line, row in rows.iterrows():
        if not row[source].strip():
            yield line, f"{source} is empty. Name the document."
        if row[confidence] not in CONFIDENCES:
            yield (
                line,
                f"{confidence} must be one of {', '.join(CONFIDENCES)}, got {row[confidence]!r}. "
                "Correct it.",
            )


def refuse(path: Path, rows: Iterable[RowProblem], whole: Iterable[str] = ()) -> None:
    """Refuse a rule table for what is wrong in its rows, or in it as a whole, if anything is.

    Raises
    ------
    ParameterError
        All problems, those of rows first in the order of their lines, each with file and line.
    """
    found = [
        f"{path}, line {line}: {text}" for line, text in sorted(rows, key=lambda row: row[0])
    ] + [f"{path}: {text}" for text in whole]
    if found:
        raise ParameterError(found)
