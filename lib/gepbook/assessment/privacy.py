r"""Counts of people and firms that may be published: small cells stay hidden (隐私保护).

A table is published with the totals of its rows, of its columns and of every level of its row labels. A
cell behind which there are fewer persons than a minimum is withheld, and with it as many others as it
takes that nobody can work it out from the totals. A count of 0 is published: it tells of nobody. Readers
therefore know that a withheld cell is at least 1, and the protection reckons with that. Where all persons
of a row stand in categories that speak against them, the row would tell it of each: it is withheld whole,
with its zeros.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from gepbook.errors import ParameterError

#: Capital letters, digits and hyphens, at least one letter, too short for the number of a person or firm.
PSEUDONYM = re.compile(r"(?=.*[A-Z])[A-Z0-9-]{4,12}")
#: What is told of anything else; the value itself is not repeated.
NO_PSEUDONYM = (
    "must be a pseudonym of 4 to 12 capital letters, digits and hyphens with at least one letter. Put "
    "one in place of the name or number."
)
#: Label of a row or column that sums the others up.
TOTAL = "total"
SINK = "sink"
Cell = tuple[Any, Any]


def with_totals(counts: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the sums of its rows, of its columns and of each level of its row labels.

    Parameters
    ----------
    counts : DataFrame, rows × categories
        Row labels may have several levels, the widest first: group, county.

    Returns
    -------
    DataFrame
        Rows in order, then their sums, `TOTAL` standing for the levels that are summed up; the last
        column is `TOTAL`.

    Raises
    ------
    ParameterError
        Where a row or column has that name already.
    """
    names, labels = list(counts.index.names), _labels(counts.index)
    if TOTAL in counts.columns or any(TOTAL in label for label in labels):
        raise ParameterError(f"privacy: a row or column is called {TOTAL!r}. Give it another name.")
    levels = list(range(len(names)))
    parts = [counts.sort_index()]
    for depth in levels:
        rest = (TOTAL,) * (len(names) - depth)
        wide = counts.set_axis(_index([(*label[:depth], *rest) for label in labels], names))
        parts.append(wide.groupby(level=levels).sum())
    table = pd.concat(parts)
    return table.assign(**{TOTAL: table.sum(axis=1)})


def count(
    records: pd.DataFrame, rows: Sequence[str], column: str, categories: Sequence[str], who: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how many records there are, and how many persons stand behind each number.

    Parameters
    ----------
    records : DataFrame
    rows : sequence of str
        Columns that label the rows, the widest first.
    column : str
        Whose words are the categories.
    categories : sequence of str
    who : str
        Column that tells persons apart.

    Returns
    -------
    counts : DataFrame, rows × categories
    persons : DataFrame
        The same with all totals, in which each person counts once.
    """
    counts = pd.crosstab([records[name] for name in rows], records[column])
    counts = counts.reindex(columns=list(categories), fill_value=0)
    whole = with_totals(counts)
    behind = []
    for depth in range(len(rows) + 1):
        wide = records.assign(**dict.fromkeys(rows[depth:], TOTAL))
        for cells in (wide, wide.assign(**{column: TOTAL})):
            behind.append(cells.groupby([*rows, column])[who].nunique())
    persons = pd.concat(behind).reset_index().pivot_table(who, list(rows), column, "sum")
    return counts, persons.reindex(index=whole.index, columns=whole.columns).fillna(0)


def protect(
    counts: pd.DataFrame,
    minimum: int,
    persons: pd.DataFrame | None = None,
    sensitive: Sequence[str] = (),
) -> pd.DataFrame:
    r"""Return a table of counts with its totals as it may be published (小单元格抑制).

    Parameters
    ----------
    counts : DataFrame of int, rows × categories, ≥ 0
        Row labels may have several levels, the widest first. All categories of all rows: a table that
        shares totals with another one must be protected together with it.
    minimum : int
        Fewest persons behind a number that is published.
    persons : DataFrame, optional
        With the totals of `with_totals`: how many persons stand behind each number, where these are not
        the number itself.
    sensitive : sequence of str
        Categories that speak against those who are in them (群体披露): a row, or the sum of a level, all
        of which is in them is withheld whole.

    Returns
    -------
    DataFrame of float
        As `with_totals` gives it; NaN = withheld.

    Notes
    -----
    The table is a network: rows and columns are nodes, cells and totals are arcs whose flow is the
    count, and nothing is lost in a node. Who knows the published arcs can change the withheld ones only
    along closed ways of withheld arcs. For each small number x a way is withheld on which it can rise to
    the minimum (by the minimum less 1 where few persons stand behind a larger number), and, unless it is
    a total, one on which it can fall to 1: those of least flow. What is consistent with the published
    table thus contains the whole range

    .. math:: 1 \le x \le minimum

    of a cell, and at least :math:`x \ldots minimum` of a total, which cannot be less than its parts. Of a
    row that is withheld whole, one other category may hold any number from 0 to the minimum.

    Source: cell suppression in networks (Cox, 1995, *Network models for complementary cell suppression*,
    J. Am. Stat. Assoc. 90), recalled; least cost cell by cell is a heuristic, and may withhold more than
    the best choice. It guards one publication: tables of later years may be compared with it.
    """
    table = with_totals(counts)
    behind = _cells(table if persons is None else persons.loc[table.index, table.columns])
    told = _rows_that_tell(table, sensitive)
    values, network = _cells(table), _network(table, told)
    small = [
        cell
        for cell, number in behind.items()
        if 0 < number < minimum or (number and cell[0] in told)
    ]
    withheld = set(small) | {cell for cell in values if cell[0] in told}
    for row in told:
        if TOTAL not in row:
            other = (row, _another(table, row, told, sensitive))
            start, end = _arc(*other)
            withheld |= _way(network, end, start, minimum, other, withheld)
    for cell in small:
        (start, end), value = _arc(*cell), values[cell]
        rise = minimum - value if value < minimum else minimum - 1
        withheld |= _way(network, end, start, rise, cell, withheld)
        if value > 1 and TOTAL not in (*cell[0], cell[1]):
            withheld |= _way(network, start, end, value - 1, cell, withheld)
    shown = np.reshape([cell not in withheld for cell in values], table.shape)
    return table.astype("float64").where(shown)


def sum_is_safe(values: pd.Series, minimum: int, least_margin: float) -> bool:
    r"""Tell whether the sum or mean of persons' values may be published (p% 规则).

    Parameters
    ----------
    values : Series, ≥ 0
        One a person.
    minimum : int
    least_margin : float
        p: how far off the best guess at the largest value must be, of that value.

    Notes
    -----
    .. math:: \sum_i x_i - x_{(1)} - x_{(2)} \ge p \, x_{(1)}

    The second largest knows his own value: what he takes off the sum exceeds the largest by the rest.
    Source: p-percent rule (Hundepool et al., 2012, *Statistical disclosure control*), recalled.
    """
    falling = values.sort_values(ascending=False)
    return len(values) >= minimum and bool(falling.iloc[2:].sum() >= least_margin * falling.iloc[0])


def _labels(index: pd.Index) -> list[tuple[Any, ...]]:
    """Return the labels of rows as tuples."""
    return [label if isinstance(label, tuple) else (label,) for label in index]


def _index(labels: list[tuple[Any, ...]], names: list[Any]) -> pd.Index:
    """Return labels as an index, with levels where there are several."""
    if len(names) == 1:
        return pd.Index([label[0] for label in labels], name=names[0])
    return pd.MultiIndex.from_tuples(labels, names=names)


def _depth(row: tuple[Any, ...]) -> int:
    """Return how many levels of a row's labels are not summed up."""
    return sum(label != TOTAL for label in row)


def _cells(table: pd.DataFrame) -> dict[Cell, int]:
    """Return the numbers of a table by label and column, row by row."""
    return {
        (row, column): int(value)
        for row, numbers in zip(_labels(table.index), table.to_numpy(), strict=True)
        for column, value in zip(table.columns, numbers, strict=True)
    }


def _arc(row: tuple[Any, ...], column: Any) -> tuple[Any, Any]:
    """Return the nodes that a cell's flow comes from and goes to."""
    path = row[: _depth(row)]
    leaf = len(path) == len(row)
    if column == TOTAL:
        return ((path[:-1], TOTAL) if path else SINK), (path, TOTAL)
    start = (path, TOTAL) if leaf else (path, column)
    return start, ((path[:-1], column) if path else SINK)


def _rows_that_tell(table: pd.DataFrame, sensitive: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows all of whose persons are in sensitive categories."""
    adverse = table[list(sensitive)].sum(axis=1)
    return _labels(table.index[(adverse > 0) & (adverse == table[TOTAL])])


def _another(
    table: pd.DataFrame, row: tuple[Any, ...], told: list[tuple[Any, ...]], sensitive: Sequence[str]
) -> Any:
    """Return the largest of the categories that are not sensitive, around a row that is withheld whole.

    A group that is not withheld itself has some number in it, and then the groups around it have too.
    """
    others = table.drop(columns=[*sensitive, TOTAL])
    for depth in range(len(row) - 1, -1, -1):
        around = (*row[:depth], *(TOTAL,) * (len(row) - depth))
        if around not in told:
            return others.loc[around if len(row) > 1 else around[0]].idxmax()
    return others.columns[0]


def _network(table: pd.DataFrame, told: list[tuple[Any, ...]]) -> nx.DiGraph:
    """Return both directions of every cell above 0: `room` is how far its flow can change that way.

    Zeros of the rows that are withheld whole can rise.
    """
    network = nx.DiGraph()
    for cell, value in _cells(table).items():
        start, end = _arc(*cell)
        if value > 0 or cell[0] in told:
            network.add_edge(start, end, cell=cell, room=math.inf, flow=value)
        if value > 0:
            network.add_edge(end, start, cell=cell, room=value - 1, flow=value)
    return network


def _way(
    network: nx.DiGraph, start: Any, end: Any, room: int, own: Cell, withheld: set[Cell]
) -> set[Cell]:
    """Return the cells of the way of least published flow on which `room` can be sent."""

    def cost(_: Any, __: Any, arc: dict[str, Any]) -> int | None:
        if arc["cell"] == own or arc["room"] < room:
            return None
        return 0 if arc["cell"] in withheld else arc["flow"]

    nodes = nx.dijkstra_path(network, start, end, cost)
    return {network.edges[a, b]["cell"] for a, b in itertools.pairwise(nodes)}
