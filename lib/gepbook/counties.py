"""The 90 counties of Zhejiang (行政区划): codes, names, prefectures, groups with validity dates."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import pandas as pd

from gepbook import paths
from gepbook.errors import CodeError, near

CODE_PATTERN = r"33\d{4}"
SUFFIXES = ("畲族自治县", "市", "区", "县")


@functools.cache
def read() -> pd.DataFrame:
    """Return the counties indexed by `county_code` (text): names, prefecture, published area in km².

    Raises
    ------
    CodeError
        When the table holds a malformed or repeated code.
    """
    path = paths.PARAMS / "counties.csv"
    table = pd.read_csv(path, dtype={"county_code": "str"}, encoding="utf-8")
    codes = table["county_code"]
    wrong = codes[~codes.str.fullmatch(CODE_PATTERN) | codes.duplicated()]
    if len(wrong):
        raise CodeError(
            f"{path}: county codes must be six digits starting with 33 and occur once, "
            f"got {', '.join(wrong)}. Correct the table."
        )
    return table.set_index("county_code").sort_index()


@functools.cache
def _groups() -> pd.DataFrame:
    """Return the memberships of counties in groups, with dates."""
    path = paths.PARAMS / "county_groups.csv"
    return pd.read_csv(
        path,
        dtype={"county_code": "str"},
        parse_dates=["valid_from", "valid_to"],
        encoding="utf-8",
    )


@functools.cache
def _names() -> dict[str, set[str]]:
    """Return the codes that each accepted spelling of a county may mean."""
    names: dict[str, set[str]] = {}
    for code, row in read().iterrows():
        spellings = {str(code), row["name_zh"], row["name_en"].casefold()}
        for suffix in SUFFIXES:
            short = row["name_zh"].removesuffix(suffix)
            if len(short) > 1:
                spellings.add(short)
        for spelling in spellings:
            names.setdefault(spelling, set()).add(str(code))
    return names


def find(name: str) -> str:
    """Return the code of a county given by code, Chinese name (suffix optional) or English name.

    Raises
    ------
    CodeError
        For an unknown or ambiguous name; names the nearest.
    """
    found = _names().get(str(name).strip().casefold(), set())
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise CodeError(f"county {name!r} may mean {', '.join(sorted(found))}. Give the code.")
    raise CodeError(
        f"county {name!r} is not in params/counties.csv.{near(str(name).casefold(), _names())} "
        "Give a six-digit code or a name such as 龙泉市."
    )


def group_names() -> list[str]:
    """Return the names of the county groups."""
    return sorted(_groups()["group"].unique())


def group(name: str, year: int) -> list[str]:
    """Return the codes of a group's counties at the end of a year.

    Raises
    ------
    CodeError
        For an unknown group; names the nearest.
    """
    if name not in group_names():
        raise CodeError(
            f"county group {name!r} is not in params/county_groups.csv."
            f"{near(name, group_names())} Known groups: {', '.join(group_names())}."
        )
    day = pd.Timestamp(year, 12, 31)
    rows = _groups()
    valid = (rows["valid_from"] <= day) & (rows["valid_to"].isna() | (rows["valid_to"] >= day))
    return sorted(rows.loc[valid & (rows["group"] == name), "county_code"])


def classes(names: Iterable[str], year: int, other: str) -> pd.Series:
    """Return the class of every county: the one of some groups that it belongs to, or `other`.

    Raises
    ------
    CodeError
        For an unknown group, and naming each county that is in two of them.
    """
    members = {name: group(name, year) for name in names}
    found = pd.Series(other, index=read().index)
    problems = []
    for code in found.index:
        own = [name for name, codes in members.items() if code in codes]
        if len(own) > 1:
            problems.append(
                f"params/county_groups.csv: {code} {name_zh(code)} is in {' and '.join(own)} in {year}, "
                "but a rule gives each of them a value. End one membership (valid_to), or take one "
                "group out of the rule."
            )
        elif own:
            found[code] = own[0]
    if problems:
        raise CodeError(problems)
    return found


def groups_of(code: str, year: int) -> list[str]:
    """Return the groups that a county belongs to at the end of a year."""
    return [name for name in group_names() if code in group(name, year)]


def name_zh(code: str) -> str:
    """Return a county's Chinese name."""
    return str(read().loc[code, "name_zh"])
