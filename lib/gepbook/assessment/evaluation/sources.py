"""Where the figures of the indicators come from: ledgers, earlier topics, the register (指标数据)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.assessment.evaluation.rules import (
    FROM_REGISTER,
    FROM_TABLE,
    LONG_PATH,
    REGISTER,
    RULES_FILE,
    SHORT_PATH,
    EvaluationParams,
    Leaf,
)
from gepbook.assessment.topic import ACCOUNT, Evidence, TopicResult
from gepbook.errors import GepbookError, near
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import Origin

KEY = ["account", "item", "measure", "price_basis"]
ROWS = ["county_code", "path", "value", "unit", "origin"]
TYPES = {name: ledger.COLUMNS.get(name, "str") for name in ROWS}


@dataclass(frozen=True)
class Figures:
    """The indicators of all counties (指标值).

    `table` is counties × indicators, each in its unit, NaN = missing; `origins` the weakest origin
    behind each indicator.
    """

    table: pd.DataFrame
    origins: dict[str, Origin]


def read(evidence: Evidence, before: Mapping[str, TopicResult], rules: EvaluationParams) -> Figures:
    """Return the figures of all indicators.

    Raises
    ------
    GepbookError
        Naming each indicator whose row no county has, unless it may lack, or whose unit is another.
    """
    rows = _rows(evidence, before, rules.indicators.values())
    registered = _registered(evidence)
    values, origins, problems = {}, {}, []
    for name, leaf in rules.indicators.items():
        if leaf.source == FROM_REGISTER:
            values[name] = registered[name] if name in registered else pd.Series(dtype="float64")
            origins[name] = evidence.origin(REGISTER)
            continue
        parts = {path: rows[rows["path"] == path] for path in (leaf.source, leaf.per) if path}
        problems += _problems(name, leaf, parts, evidence)
        values[name] = _figure(leaf, parts)
        origins[name] = ledger.weakest(o for part in parts.values() for o in part["origin"])
    if problems:
        raise GepbookError(problems)
    frame = pd.DataFrame(values, dtype="float64").reindex(evidence.county_codes)
    return Figures(frame.rename_axis("county_code"), origins)


def _full(path: str) -> str:
    """Return a path with its price basis, which is empty for what is not money."""
    return path if path.count("/") == LONG_PATH - 1 else f"{path}/"


def _rows(
    evidence: Evidence, before: Mapping[str, TopicResult], leaves: Iterable[Leaf]
) -> pd.DataFrame:
    """Return the rows that the indicators name, with the `path` by which they name them."""
    wanted = {
        _full(path): path
        for leaf in leaves
        for path in (leaf.source, leaf.per)
        if path and path != FROM_REGISTER
    }
    pool = evidence.pool
    pool = pool[pool["account"].isin({path.partition("/")[0] for path in wanted})]
    known = pool[KEY[0]].str.cat([pool[column] for column in KEY[1:]], sep="/")
    from_ledgers = pool.assign(path=known.map(wanted)).dropna(subset="path")
    others = [*_of_topics(before, wanted), *_of_tables(evidence, wanted.values())]
    return pd.concat([from_ledgers[ROWS], pd.DataFrame(others, columns=ROWS).astype(TYPES)])


def _of_topics(
    before: Mapping[str, TopicResult], wanted: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Give the counties' figures of earlier topics."""
    for result in before.values():
        for code, row in result.figures:
            path = "/".join(row[column] for column in KEY)
            if code is not None and path in wanted:
                yield {"county_code": code, "path": wanted[path], **row}


def _of_tables(evidence: Evidence, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Give the means of columns of registers over a county's rows of the year."""
    for path in paths:
        start, name, column = path.split("/")[:SHORT_PATH]
        if start != FROM_TABLE or evidence.registers.lacking(name):
            continue
        unit, origin = dictionary.tables()[name].fields[column].unit, evidence.origin(name)
        means = evidence.registers.table(name).groupby("county_code")[column].mean()
        for code, value in means.dropna().items():
            yield {
                "county_code": code,
                "path": path,
                "value": value,
                "unit": unit,
                "origin": origin,
            }


def _registered(evidence: Evidence) -> pd.DataFrame:
    """Return the register's figures of the year, counties × indicators."""
    if evidence.registers.lacking(REGISTER):
        return pd.DataFrame()
    rows = evidence.registers.table(REGISTER)
    return rows.pivot_table(index="county_code", columns="indicator", values="value")


def _figure(leaf: Leaf, parts: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return an indicator of the counties that have it."""
    value = parts[leaf.source].set_index("county_code")["value"]
    if leaf.per is None:
        return value
    per = parts[leaf.per].set_index("county_code")["value"]
    return value / per.where(per != 0)


def _problems(
    name: str, leaf: Leaf, parts: Mapping[str, pd.DataFrame], evidence: Evidence
) -> list[str]:
    """Return what is wrong with where an indicator comes from."""
    where = f"{RULES_FILE}, indicators.{name}"
    lacking = [path for path, rows in parts.items() if rows.empty]
    if lacking and leaf.may_lack:
        return []
    if lacking:
        return [f"{where}: no county has a row {p!r}.{_hint(p, evidence)}" for p in lacking]
    units = [" or ".join(sorted(set(rows["unit"]))) for rows in parts.values()]
    got = _quotient(*units)
    if got != leaf.unit:
        return [
            f"{where}: unit must be that of its figures, {got!r}, got {leaf.unit!r}. Correct the unit, "
            "and the goalposts with it."
        ]
    return []


def _quotient(unit: str, per: str | None = None) -> str:
    """Return the unit of a figure, or of one divided by another."""
    if per is None:
        return unit
    return "1" if unit == per else f"{unit} {per}-1"


def _hint(path: str, evidence: Evidence) -> str:
    """Say what rows there are near a path, and what to do."""
    if path.partition("/")[0] == ACCOUNT:
        return " Correct the source, or write `may_lack: true` where its topic may have no figure."
    known = evidence.pool[KEY].drop_duplicates().agg("/".join, axis=1)
    return (
        f"{near(_full(path), known)} Correct the source, or write `may_lack: true` where no county "
        "need have it."
    )
