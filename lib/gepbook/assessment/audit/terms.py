"""Terms of office: which years they answer for, opening and closing accounts, what changed (任期账户)."""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from gepbook.accounting import history, registry
from gepbook.accounting.change import PARTS
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.assessment.topic import NORMAL, VALUE, Evidence
from gepbook.inputs.own_data import dictionary
from gepbook.province import Registers

TERMS = "official_terms"
#: The rows of the comparison: GEP, its categories, then services.
TOTALS = ("gep", *CATEGORY_ZH)
#: Beginning of the columns of a face of the account, and its measure and prices.
FACES = {
    "": (VALUE, "comparable"),
    "normal_": (NORMAL, "comparable"),
    "current_": (VALUE, "current"),
}
#: What can be said of a term.
AUDITED, NOT_YET, TOO_SHORT, ONE_YEAR, NOT_HELD = (
    "audited", "not_yet", "too_short", "one_year", "not_held",
)  # fmt: skip
SITES = "project_sites"
HECTARE_M2 = 1e4


@dataclass(frozen=True)
class Window:
    """The years that a term is held to (任期窗口).

    `wanted_opening` and `wanted_closing` follow from the dates, `opening` and `closing` are the first and
    the last year between them that the county's history holds. None where there are none.
    """

    state: str
    wanted_opening: int | None = None
    wanted_closing: int | None = None
    opening: int | None = None
    closing: int | None = None


def span(opening: int, closing: int) -> str:
    """Return the years of a window in words; one where it has no other."""
    return f"{opening}–{closing}" if opening < closing else f"{opening}"


def days(column: pd.Series) -> pd.Series:
    """Return a column of texts as days, NaT where they are none."""
    return pd.to_datetime(column, format="%Y-%m-%d", errors="coerce")


def audited_on(register: pd.DataFrame) -> pd.Series:
    """Return the day that each term was audited on, NaT where it was not; the column may be absent."""
    return days(register.get("audited_on", pd.Series(index=register.index, dtype="str")))


def counting_years(start: date, end: date, least_share: float) -> list[int]:
    """Return the years of which a term held the post for more than a share of the days.

    With a share of a half or more no year belongs to two terms of one post.
    """
    found = []
    for year in range(start.year, end.year + 1):
        first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
        held = (last - first).days + 1
        if held / (366 if calendar.isleap(year) else 365) > least_share:
            found.append(year)
    return found


def window(
    start: date, end: date | None, held: Sequence[int], year: int, least_share: float
) -> Window:
    """Return the opening and closing year of a term (期初、期末年份).

    Parameters
    ----------
    start, end : date, date or None
        First and last day in office; None while in office.
    held : sequence of int
        Years of the county's history, rising.
    year : int
        Accounting year: what is later is not known yet.
    least_share : float
        See `counting_years`.

    Returns
    -------
    Window
        Wanted are the year before the first that counts, and the last that counts so far. Nothing is
        audited beyond them: what came before the opening is a predecessor's.
    """
    until = date(year, 12, 31)
    over = end is not None and end <= until
    years = counting_years(start, end if end is not None and over else until, least_share)
    if not years:
        return Window(TOO_SHORT if over else NOT_YET)
    first, last = years[0] - 1, years[-1]
    own = [y for y in held if first <= y <= last]
    if not own:
        return Window(NOT_HELD, first, last)
    return Window(AUDITED if len(own) > 1 else ONE_YEAR, first, last, own[0], own[-1])


def table(evidence: Evidence, least_share: float) -> pd.DataFrame:
    """Return the terms of the counties that have an account, with their windows.

    Returns
    -------
    DataFrame, a row a term
        Columns of the register, `in_office`, `audited` (by the end of the accounting year), `state`,
        `wanted_opening`, `wanted_closing`, `opening`, `closing` (Int64).
    """
    register = evidence.registers.table(TERMS)
    register = register[register["county_code"].isin(evidence.county_codes)]
    rows = []
    for row, start, end, audit in zip(
        register.to_dict("records"),
        days(register["start_date"]),
        days(register["end_date"]),
        audited_on(register),
        strict=True,
    ):
        last = None if pd.isna(end) else end.date()
        until = date(evidence.year, 12, 31)
        held = evidence.years_of(row["county_code"])
        found = window(start.date(), last, held, evidence.year, least_share)
        in_office = start.date() <= until and (last is None or last > until)
        audited = not pd.isna(audit) and audit.date() <= until
        rows.append({**row, "in_office": in_office, "audited": audited, **vars(found)})
    columns = [*register.columns, "in_office", "audited", *Window.__dataclass_fields__]
    years = [name for name in columns if name.endswith(("opening", "closing"))]
    frame = pd.DataFrame(rows, columns=columns).astype(
        {**dict.fromkeys(["in_office", "audited"], "bool"), **dict.fromkeys(years, "Int64")}
    )
    posts = list(dictionary.words(TERMS, "post"))
    return frame.sort_values(
        ["county_code", "post", "start_date"],
        key=lambda column: column.map(posts.index) if column.name == "post" else column,
        ignore_index=True,
    )


def normal_levels(evidence: Evidence, item: str) -> pd.DataFrame:
    """Return GEP, or a category of it, under long-term weather at comparable prices, by county and year.

    Of counties that have it in all years of their history; of the others nothing is known: a year's
    weather could pass for a change.

    Returns
    -------
    DataFrame, counties × years (int), CNY a-1
    """
    normal = evidence.levels("gep", NORMAL).reindex(columns=evidence.levels("gep").columns)
    gaps = (evidence.levels("gep").notna() & normal.isna()).any(axis=1)
    return evidence.levels(item, NORMAL).reindex(columns=normal.columns)[~gaps].reindex(gaps.index)


def level_table(evidence: Evidence) -> pd.DataFrame:
    """Return all levels of the accounts over the years, CNY a-1.

    Returns
    -------
    DataFrame, rows (county_code, item, year), columns those of FACES
        Items are GEP, its categories and the services; services have comparable prices alone.
    """
    pool = evidence.pool
    pool = pool[pool["account"].isin([history.ACCOUNT, "gep", "services"])]
    pool = pool[pool["item"].isin([*TOTALS, *registry.services()])]
    split = pool["measure"].str.extract(r"^(.*?)(?:_(\d{4}))?$")
    is_past = pool["account"] == history.ACCOUNT
    faces = {(measure, basis): name for name, (measure, basis) in FACES.items()}
    long = pd.DataFrame(
        {
            "county_code": pool["county_code"],
            "item": pool["item"],
            "year": split[1].where(is_past, str(evidence.year)).astype("int64"),
            "face": [faces.get(key) for key in zip(split[0], pool["price_basis"], strict=True)],
            "value": pool["value"],
        }
    ).dropna(subset="face")
    wide = long.pivot_table(
        index=["county_code", "item", "year"], columns="face", values="value", aggfunc="sum"
    )
    return wide.reindex(columns=list(FACES)).rename_axis(columns=None)


def accounts(evidence: Evidence, terms: pd.DataFrame) -> pd.DataFrame:
    """Return opening and closing accounts of audited terms (期初、期末账户).

    Parameters
    ----------
    evidence : Evidence
    terms : DataFrame
        As `table` gives them.

    Returns
    -------
    DataFrame, rows terms × (GEP, categories, services)
        `opening_cny`, `closing_cny`, `change_cny` at comparable prices and `change_share` (NaN where
        the opening is 0 or below); for GEP and categories also `normal_opening_cny`, `normal_closing_cny`
        (comparable prices, long-term weather), `current_opening_cny`, `current_closing_cny`.
    """
    levels = level_table(evidence).reset_index()
    ends = terms.loc[terms["state"] == AUDITED, ["term_id", "county_code", "opening", "closing"]]
    keys = ["term_id", "county_code", "item"]
    opening, closing = (
        ends.merge(levels, left_on=["county_code", end], right_on=["county_code", "year"])[
            [*keys, *FACES]
        ].rename(columns={face: f"{face}{end}_cny" for face in FACES})
        for end in ("opening", "closing")
    )
    order = {name: place for place, name in enumerate([*TOTALS, *registry.services()])}
    frame = opening.merge(closing, on=keys, how="outer").sort_values(
        ["term_id", "item"],
        key=lambda c: c.map(order) if c.name == "item" else c,
        ignore_index=True,
    )
    change = frame["closing_cny"] - frame["opening_cny"]
    share = change / frame["opening_cny"].where(frame["opening_cny"] > 0)
    return frame.assign(change_cny=change, change_share=share)


def yearly_parts(evidence: Evidence, item: str = "gep") -> pd.DataFrame:
    """Return what changed GEP, or a category of it, from year to year, CNY at current prices.

    Only of counties whose accounting notebook has run, and of the years whose former year they hold.

    Parameters
    ----------
    evidence : Evidence
    item : str
        `gep` or a category, whose services' parts are summed.

    Returns
    -------
    DataFrame, rows (county, later year), columns the parts
    """
    specs = registry.services()
    names = [item, *(name for name, spec in specs.items() if spec.category == item)]
    pool = evidence.pool[evidence.pool["account"].isin(["change", history.CHANGES])]
    pool = pool[pool["item"].isin(["gep"] if item == "gep" else [*specs])]
    is_past = pool["account"] == history.CHANGES
    long = pd.DataFrame(
        {
            "county_code": pool["county_code"],
            "year": pool["measure"].str[-4:].where(is_past, str(evidence.year)).astype("int64"),
            "part": pool["measure"].str[:-5].where(is_past, pool["measure"]),
            "value": pool["value"].where(pool["item"].isin(names), 0.0),
        }
    )
    wide = long.pivot_table(
        index=["county_code", "year"], columns="part", values="value", aggfunc="sum"
    )
    return wide.reindex(columns=list(PARTS)).fillna(0.0)


def decomposition(
    evidence: Evidence, terms: pd.DataFrame, items: Iterable[str] = ("gep",)
) -> pd.DataFrame:
    r"""Return what changed GEP and categories of it over audited terms, at current prices (任期变化分解).

    The yearly Shapley parts are summed; together they are the closing less the opening level of the
    term. Terms with a year whose parts are not in the ledgers are left out.

    Parameters
    ----------
    evidence : Evidence
    terms : DataFrame
        As `table` gives them.
    items : iterable of str
        `gep` or categories.

    Returns
    -------
    DataFrame, rows items × terms, CNY
        `item`, `opening_cny`, the parts, `closing_cny`.

    Notes
    -----
    .. math:: GEP_{closing} - GEP_{opening} = \sum_{t} \sum_{p} \phi_{p,t}
    """
    rows = []
    for item in items:
        parts, levels = yearly_parts(evidence, item), evidence.levels(item, VALUE, "current")
        for term in terms[terms["state"] == AUDITED].itertuples():
            code, years = term.county_code, range(term.opening + 1, term.closing + 1)
            wanted = [(code, year) for year in years]
            if not set(wanted) <= set(parts.index):
                continue
            rows.append(
                {
                    "term_id": term.term_id,
                    "county_code": code,
                    "item": item,
                    "opening_cny": levels.loc[code, term.opening],
                    **parts.loc[wanted].sum().to_dict(),
                    "closing_cny": levels.loc[code, term.closing],
                }
            )
    columns = ["term_id", "county_code", "item", "opening_cny", *PARTS, "closing_cny"]
    return pd.DataFrame(rows, columns=columns)


def circumstances(evidence: Evidence, terms: pd.DataFrame) -> pd.DataFrame:
    """Return how much land was taken, damaged and restored during audited terms (期内占用、损害与修复).

    They are told, not judged: whether a site was approved above the county or harmed by a disaster is
    not in the register.

    Returns
    -------
    DataFrame, rows terms × kinds of site, with `number` and `area_ha`
    """
    sites = evidence.registers.vector(SITES)
    sites = pd.DataFrame(
        {**sites[["county_code", "year", "kind"]], "area_ha": sites.area / HECTARE_M2}
    )
    audited = terms.loc[terms["state"] == AUDITED, ["term_id", "county_code", "opening", "closing"]]
    held = audited.merge(sites, on="county_code")
    held = held[(held["year"] > held["opening"]) & (held["year"] <= held["closing"])]
    grouped = held.groupby(["term_id", "county_code", "kind"])["area_ha"]
    return grouped.agg(number="size", area_ha="sum").reset_index()


# What is wrong in the register


def problems(registers: Registers) -> Iterator[str]:
    """Give all that is wrong in the register of terms, a sentence each."""
    frame = registers.table(TERMS)
    yield from registers.row_problems(TERMS, frame)
    begin, end, audits = days(frame["start_date"]), days(frame["end_date"]), audited_on(frame)
    first = min(registers.pack.years)
    for line in frame.index:
        where, row = registers.place(TERMS, line), frame.loc[line]
        for name, day in (("start_date", begin[line]), ("end_date", end[line])):
            is_open = name == "end_date" and pd.isna(row[name])
            if pd.isna(day) and not is_open:
                yield (
                    f"{where}: {name} {row[name]!r} is no day. Write a date as 2021-03-15"
                    f"{'; leave it empty while in office' if name == 'end_date' else ''}."
                )
        day = row.get("audited_on")
        if pd.notna(day) and not audits[line] >= begin[line]:
            yield (
                f"{where}: audited_on {day!r} must be a day such as 2023-06-30, not before the term "
                "began. Correct it; leave it empty where the term was not audited."
            )
        if end[line] < begin[line]:
            yield (
                f"{where}: term {row['term_id']!r} ends on {row['end_date']}, before it begins on "
                f"{row['start_date']}. Correct one of the dates."
            )
        elif end[line] < pd.Timestamp(first, 1, 1):
            yield (
                f"{where}: term {row['term_id']!r} ended on {row['end_date']}, before {first}, the "
                "first year that the pack holds. Add earlier years to the pack, or take the term out."
            )
    yield from _overlaps(registers, frame.assign(begin=begin, end=end).dropna(subset="begin"))


def _overlaps(registers: Registers, frame: pd.DataFrame) -> Iterator[str]:
    """Give the terms that begin before the one before them of the same post has ended."""
    posts = dictionary.words(TERMS, "post")
    for (code, post), own in frame.sort_values("begin").groupby(["county_code", "post"]):
        rows = list(own.itertuples())
        for before, after in itertools.pairwise(rows):
            if pd.isna(before.end) or before.end >= after.begin:
                yield (
                    f"{registers.place(TERMS, after.Index)}: term {after.term_id!r} begins on "
                    f"{after.start_date}, while {before.term_id!r} still holds the post "
                    f"{posts.get(post, post)} of {code} (until {before.end_date}). Correct the dates."
                )
