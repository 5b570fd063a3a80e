"""Tables that a sheet may be (匹配): its columns compared with the fields of the data dictionary."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gepbook.inputs.own_data import dictionary, templates
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.dictionary import FieldEntry, TableEntry
from gepbook.inputs.own_data.guessing import words
from gepbook.inputs.own_data.guessing.header_rows import Grid, Head, cell_text, variants
from gepbook.inputs.own_data.vectors import DBF_NAME_BYTES
from gepbook.inputs.pack import BOUNDARIES

NEAR, PART, SAME = 0, 1, 2  # tiers of likeness


@dataclass(frozen=True)
class Match:
    """The columns of a sheet that may be the fields of a table."""

    table: str
    heads: dict[str, Head] = field(default_factory=dict)
    tiers: dict[str, int] = field(default_factory=dict)
    hinted: bool = False
    year: int | None = None

    @property
    def entry(self) -> TableEntry:
        """The table's entry in the data dictionary."""
        return dictionary.tables()[self.table]

    @property
    def figures(self) -> list[str]:
        """The fields found that are no keys."""
        return [name for name in self.heads if name not in (*self.entry.key, *templates.PLACE)]

    @property
    def absent(self) -> list[str]:
        """Keys that no column was found for."""
        known = {*self.heads, *(["year"] if self.year else [])}
        return [name for name in self.entry.key if name not in known]

    @property
    def share(self) -> float:
        """Share of the required fields, without the keys, that were found."""
        keys = (*self.entry.key, *templates.PLACE)
        needed = [n for n, f in self.entry.fields.items() if not f.optional and n not in keys]
        return sum(name in self.heads for name in needed) / max(len(needed), 1)

    @property
    def score(self) -> tuple[bool, float, int, int]:
        """The better a match, the greater."""
        return self.hinted, self.share, len(self.figures), sum(self.tiers.values())

    @property
    def acceptable(self) -> bool:
        """Whether this may be the table; a provincial register is only what is called so."""
        enough = self.hinted or (
            not self.entry.provincial and self.share >= words.thresholds().least_share
        )
        any_figure = bool(self.figures) or (self.hinted and bool(self.entry.geometry))
        return not self.absent and any_figure and enough


def find_matches(
    grid: Grid,
    heads: Sequence[Head],
    body: Sequence[tuple[Any, ...]],
    year: int | None,
) -> list[Match]:
    """Return the tables that a sheet may hold, best first; each figure belongs to one of them."""
    hint, _, _ = words.named(grid.names, words.table_words())
    county = _county_head(heads, body)
    left, chosen, rest = list(heads), [], []
    open_tables = {n for n, t in dictionary.tables().items() if bool(t.geometry) == grid.polygons}
    while open_tables:
        found = [
            _match(name, left, county, year, name == hint, grid) for name in sorted(open_tables)
        ]
        best = max(found, key=lambda match: (match.acceptable, match.score))
        if not best.acceptable:
            rest = [best]
            break
        chosen.append(best)
        open_tables.remove(best.table)
        used = {best.heads[name] for name in best.figures}
        left = [head for head in left if head not in used]
    return chosen + rest


def _county_head(heads: Sequence[Head], body: Sequence[tuple[Any, ...]]) -> Head | None:
    """Return the column of the counties: one of codes, or else one so called that holds names."""
    of_fields = words.vocabulary()[BOUNDARIES]
    known = of_fields["county_code"] | of_fields["name_zh"]
    ranked = []
    for head in heads:
        values = [cell_text(row[head.column]) for row in body if head.column < len(row)]
        values = [v for v in values if v and v not in FileEntry.model_fields["total_rows"].default]
        called = any(v & known for v in variants(head))
        coded = sum(words.CODE.fullmatch(v) is not None for v in values)
        named = sum(bool(words.county_of(v)) for v in values) if called else coded
        if 2 * named > len(values):  # most of them
            ranked.append((2 * coded > len(values), called, -head.column, head))
    return max(ranked)[-1] if ranked else None


def _match(
    table: str,
    heads: Sequence[Head],
    county: Head | None,
    year: int | None,
    hinted: bool,
    grid: Grid,
) -> Match:
    """Return which columns may be a table's fields, surest first."""
    entry = dictionary.tables()[table]
    made = Match(table, hinted=hinted, year=year if "year" in entry.key else None)
    if county and "county_code" in entry.fields:
        made.heads["county_code"], made.tiers["county_code"] = county, SAME
    ranked = sorted(
        (
            (*found, name, head)
            for name, f in entry.fields.items()
            for head in heads
            if name != "county_code" and (found := _fit(table, name, f, head, grid.short_names))
        ),
        key=lambda r: (-r[0], -r[1], r[3].column),
    )
    for tier, _, name, head in ranked:
        if name not in made.heads and head not in made.heads.values():
            made.heads[name], made.tiers[name] = head, tier
    return made


def _fit(table: str, name: str, f: FieldEntry, head: Head, short: bool) -> tuple[int, float] | None:
    """Return how well a header fits a field: tier and likeness; None when it does not."""
    if f.type == "number" and f.unit and head.unit and f.unit not in words.measures(head.unit):
        return None
    other = [w for w in words.synonyms().not_figures if w in head.text and w not in f.title]
    if f.type == "number" and other:
        return None
    known = words.vocabulary()[table][name]
    whole, parts = variants(head)
    if whole & known:
        return SAME, 1.0
    if parts & known or (short and any(_cut(w, v) for w in known for v in whole)):
        return PART, 1.0
    close = max(
        (difflib.SequenceMatcher(None, v, w).ratio() for v in whole for w in known), default=0.0
    )
    return (NEAR, close) if close >= words.thresholds().near_name else None


def _cut(word: str, text: str) -> bool:
    """Tell whether a text is a word cut to the ten bytes of a shapefile's field name."""
    sizes = {len(text.encode(encoding)) for encoding in ("gb18030", "utf-8")}
    return word.startswith(text) and bool(sizes & {DBF_NAME_BYTES, DBF_NAME_BYTES - 1})
