"""Words of guessing (词语): what texts, names and numbers in users' files stand for.

Synonyms and thresholds are those of params/pack/synonyms.yaml; the rest is the data dictionary's.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from gepbook import counties
from gepbook.errors import CodeError, UnitError
from gepbook.inputs.own_data import conversion, dictionary, templates
from gepbook.params import Parameter, ParameterSet, Params, parameter

SYNONYMS = dictionary.FOLDER / "synonyms.yaml"
YEAR = re.compile(r"(?<!\d)(19[5-9]\d|20\d\d)(?!\d)")
CODE = re.compile(rf"({counties.CODE_PATTERN})(?:0{{6}})?(?:\.0)?")
CHINESE = re.compile(r"[\u4e00-\u9fff]+")
BRACKET = re.compile(r"[(（\[\uff3b【]([^()（）\[\]\uff3b\uff3d【】]*)[)）\]\uff3d】]")
UNIT_LIKE = re.compile(r"[^\W\d]|[%\uff05℃°‰]")  # a letter or sign: 2022 is no unit
IGNORED = re.compile(r"[\s_\-–—·、,，:：;；/()（）\[\]【】“”\"'.]+")
SEPARATORS = re.compile(r"[-\s.]+")


class Thresholds(Params):
    """Limits of guessing (猜测阈值)."""

    near_name: float = parameter("1", "difflib ratio from which a header is a near one", gt=0, le=1)
    least_share: float = parameter("1", "Least share of a table's figures", gt=0, le=1)
    class_share: float = parameter(
        "1", "Least share of cells that a class system knows", gt=0, le=1
    )
    header_search_rows: int = parameter("1", "Rows in which a header may begin", ge=1)
    header_depth: int = parameter("1", "Most rows of a header", ge=1)
    sample_rows: int = parameter("1", "Rows or features looked at", ge=1)
    sample_columns: int = parameter("1", "Columns looked at", ge=1)
    sample_bytes: int = parameter("1", "Bytes of a text looked at", ge=1)
    overview_side: int = parameter("1", "Rows and columns of a decimated raster", ge=1)
    window_side: int = parameter("1", "Rows and columns of a window of a raster", ge=1)


class Synonyms(BaseModel):
    """What files call the things of the data dictionary (同义词)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    thresholds: dict[str, dict[str, Any]]
    fields: dict[str, list[str]]
    tables: dict[str, list[str]]
    layers: dict[str, list[str]]
    not_quite: dict[str, str]
    not_figures: list[str]
    crosswalks: dict[str, list[str]]
    units: dict[str, list[str]]
    booleans: dict[str, list[str]]
    fill_values: list[float]


@functools.cache
def synonyms() -> Synonyms:
    """Return params/pack/synonyms.yaml."""
    return Synonyms.model_validate(yaml.safe_load(SYNONYMS.read_text(encoding="utf-8")))


@functools.cache
def thresholds() -> Thresholds:
    """Return the limits of guessing."""
    layer = f"pack/{SYNONYMS.stem}"
    entries = {
        f"guessing.{name}": Parameter(**entry, layer=layer)
        for name, entry in synonyms().thresholds.items()
    }
    made = ParameterSet(county_code=None, year=None, standard="", entries=entries)
    return made.section("guessing", Thresholds)


# Names -------------------------------------------------------------------------------------------


def names_of(inner: PurePosixPath) -> list[str]:
    """Return a path's names, the nearest first."""
    return [inner.name.split(".")[0] or inner.name, *reversed(inner.parts[:-1])]


def plain(text: str) -> str:
    """Return a text as it is compared: one width, no case, no punctuation."""
    return IGNORED.sub("", unicodedata.normalize("NFKC", text).casefold())


def _holds(name: str, word: str) -> bool:
    """Tell whether a name holds a word: Chinese anywhere, Latin standing alone."""
    name, word = (unicodedata.normalize("NFKC", text).casefold() for text in (name, word))
    if CHINESE.search(word):
        return word in name
    name = SEPARATORS.sub("_", name)
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", name) is not None


def named(names: Iterable[str], choices: Mapping[str, Sequence[str]]) -> tuple[str, str, int]:
    """Return what names speak of, by which word, and how far up; the longest word of the nearest name."""
    for level, name in enumerate(names):
        hits = [
            (templates.width(w), k, w) for k, ws in choices.items() for w in ws if _holds(name, w)
        ]
        longest = max((hit[0] for hit in hits), default=0)
        best = {key: word for size, key, word in hits if size == longest}
        if len(best) == 1:
            key, word = best.popitem()
            return key, word, level
    return "", "", 0


@functools.cache
def table_words() -> dict[str, list[str]]:
    """Return the words by which names speak of tables."""
    return {
        name: [entry.title, name, *synonyms().tables.get(name, [])]
        for name, entry in dictionary.tables().items()
    }


@functools.cache
def layer_words() -> dict[str, list[str]]:
    """Return the words by which names speak of layers."""
    return {
        name: [entry.title, name, *synonyms().layers.get(name, [])]
        for name, entry in dictionary.layers().items()
    }


def crosswalk_words() -> dict[str, list[str]]:
    """Return the words by which names speak of class systems."""
    return {name: [name, *synonyms().crosswalks.get(name, [])] for name in dictionary.crosswalks()}


# Headers and cells -------------------------------------------------------------------------------


@functools.cache
def vocabulary() -> dict[str, dict[str, frozenset[str]]]:
    """Return the words for each field of each table."""
    return {
        table: {
            name: frozenset(map(plain, [f.title, name, *_other_words(table, name)]))
            for name, f in entry.fields.items()
        }
        for table, entry in dictionary.tables().items()
    }


def _other_words(table: str, field: str) -> list[str]:
    """Return the synonyms of a field, of all tables and of this one alone."""
    given = synonyms().fields
    return [*given.get(field, []), *given.get(f"{table}.{field}", [])]


@functools.cache
def all_words() -> frozenset[str]:
    """Return the words for all fields."""
    return frozenset(
        word for fields in vocabulary().values() for known in fields.values() for word in known
    )


def year_of(texts: Iterable[str]) -> int | None:
    """Return the year that the nearest text with a single one names."""
    for text in texts:
        years = set(YEAR.findall(text))
        if len(years) == 1:
            return int(years.pop())
    return None


@functools.cache
def county_of(text: str) -> str:
    """Return the county code that a cell's text means, or an empty string."""
    if found := CODE.fullmatch(text):
        return found[1]
    name = "".join(text.split())
    if not CHINESE.fullmatch(name):
        return ""
    try:
        return counties.find(name)
    except CodeError:
        return ""


@functools.cache
def measures(text: str) -> frozenset[str]:
    """Return which units of the dictionary a text could be given in; none for what is no unit."""
    if not UNIT_LIKE.search(text):
        return frozenset()
    wanted = {f.unit for t in dictionary.tables().values() for f in t.fields.values()}
    wanted |= {layer.unit for layer in dictionary.layers().values()}
    return frozenset(unit for unit in wanted - {""} if _converts(text, unit))


def _converts(text: str, unit: str) -> bool:
    """Tell whether a text is a unit that measures what another does."""
    try:
        conversion.factor(text, unit)
    except UnitError:
        return False
    return True


@functools.cache
def unit_of(text: str) -> str:
    """Return a unit as the project reads it, or an empty string."""
    text = text.strip()
    for unit, spellings in synonyms().units.items():
        scale = re.fullmatch(r"([\d.]+)\s*(.+)", text)
        front, rest = scale.groups() if scale else ("", text)
        if rest.casefold() in (unit.casefold(), *(s.casefold() for s in spellings)):
            return f"{front} {unit}".strip()
    return text if measures(text) else ""
