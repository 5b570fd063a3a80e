"""Errors a user can act on: what is wrong, where, what was found, what to do.

Every error collects all the problems of one file or one request, so that a user mends them in one go.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GepbookError(ValueError):
    """Base of every error that a user can mend; `problems` holds one sentence per problem."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[GepbookError], tuple[list[str]]]:
        return type(self), (self.problems,)


class ParameterError(GepbookError):
    """A parameter is unknown, missing, out of range or without unit, source or confidence."""


class UnitError(GepbookError):
    """A quantity does not carry the unit that the formula asks for."""


class GridMismatchError(GepbookError):
    """Rasters that must share one grid do not."""


class CoverageError(GepbookError):
    """Data do not cover what is to be summed: missing cells, missing counties."""


class CodeError(GepbookError):
    """A county, year, class or product is not known."""


class PackError(GepbookError):
    """A data pack is incomplete, corrupt or does not follow the pack format."""


class NotInPackError(PackError):
    """A data pack does not hold a layer, a table or a year of it; the rest can be computed."""


class StageError(GepbookError):
    """A stage lacks a result of an earlier stage, or a notebook does not fit its stage."""


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint with the known names nearest to `name`, or an empty string."""
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(f) for f in found)}?" if found else ""
