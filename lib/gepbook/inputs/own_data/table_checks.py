"""Checks of users' tables as read (表格检查): schema, county codes, sums, years, links between tables."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from gepbook import counties
from gepbook.errors import CodeError, near
from gepbook.inputs import ranges
from gepbook.inputs.manifest import TableField
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.own_data.cells import NULLABLE, ONE_TO_ONE
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.dictionary import FieldEntry, TableEntry
from gepbook.inputs.own_data.findings import SHOWN, Findings, shown
from gepbook.inputs.own_data.headers import CODE, FIGURES, YEAR, scale_of_unit
from gepbook.inputs.own_data.limits import Limits
from gepbook.inputs.own_data.problems import Problem, Severity
from gepbook.inputs.own_data.tables import TableRead

PERCENT = "percent"
GDP, PEOPLE = "gdp_cny", "resident_population_person"

CODE_LENGTH = 6
SIX_DIGITS = re.compile(r"\d{6}", re.ASCII)
#: Endings of codes that are no counties, the longer first: rule and what they are.
WIDER_CODES = {"0000": ("province_code", "a province"), "00": ("prefecture_code", "a prefecture")}
#: Columns whose total is no sum: means, shares, concentrations.
INTENSIVE = re.compile(r"(^|_)(mean|per|percent|mg_l)(_|$)")
#: 期初 + 增加 − 减少 = 期末
STOCKS = {
    "opening": 1,
    "natural_addition": 1,
    "managed_addition": 1,
    "natural_reduction": -1,
    "managed_reduction": -1,
}
CLOSING = "closing"
STARTS_ENDS = ("start_date", "end_date")
UNITS = "resource_units"
#: Columns that name a registration unit, by table.
LINKS = {"resource_rights": ("unit_id",), "resource_disputes": ("unit_id", "other_unit_id")}
CHINESE_SCALES = ("", "百", "千", "万", "十万", "百万", "千万", "亿")
DECADE = 10.0
#: What stands wrong by the name of a schema check: message and remedy.
SCHEMA_TEXTS = {
    "wrong_type": ("is not of the type {type}", "Correct the value or the declared column."),
    "unknown_value": ("must be one of {allowed}", "Correct the word."),
    "out_of_range": (
        "must be {span} {unit}",
        "Correct the figure or its unit; leave it empty where it is not known.",
    ),
    "year_outside": (
        "is none of the declared years",
        "Correct the year, or declare it under `years`; the row serves no account otherwise.",
    ),
    "missing_column": ("is missing", "Declare the column."),
}
WARNINGS = frozenset({"year_outside", "county_outside", "jump"})


def check_table(
    file: FileEntry,
    read: TableRead,
    known: Collection[str],
    years: Collection[int],
    limits: Limits,
) -> list[Problem]:
    """Check one file's table (检查表格).

    Parameters
    ----------
    file : FileEntry
    read : TableRead
        The table as read; what was named there is not named again.
    known : collection of str
        Codes of the counties that rows may be of.
    years : collection of int
        The declared years.
    limits : Limits

    Returns
    -------
    list of Problem
        Types, words, ranges, years, duplicate keys, county codes, dates in the wrong order, stocks
        that do not close, totals that are not the sum of their rows. Empty for an unread table.
    """
    if read.frame is None:
        return []
    findings = Findings(file.path, file.accept)
    _check_schema(file, read, years, findings)
    if CODE in read.frame:
        _check_codes(file, read, known, findings)
    _check_dates(file, read, findings)
    _check_stocks(file, read, limits, findings)
    _check_totals(file, read, limits, findings)
    return findings.problems()


def check_years(
    reads: Sequence[tuple[FileEntry, TableRead]],
    limits: Limits,
    years: Collection[int] = (),
    known: Collection[str] = (),
) -> list[Problem]:
    """Check all files of one table together (跨文件、跨年检查).

    Parameters
    ----------
    reads : sequence of (FileEntry, TableRead)
        Of one table.
    limits : Limits
    years, known : collections, optional
        Years and counties that the table should hold; without them, each that it holds anywhere.

    Returns
    -------
    list of Problem
        Keys that stand in two files, jumps between years and likely slips of unit, missing years and
        counties. A change from 0 is no jump; a fall to 0 is one.
    """
    given = [(file, read) for file, read in reads if read.frame is not None and len(read.frame)]
    if not given:
        return []
    entry = given[0][0].entry
    findings = {file.path: Findings(file.path, file.accept) for file, _ in given}
    whole = pd.concat(
        [
            frame.assign(_file=number, _place=read.rows)
            for number, (_, read) in enumerate(given)
            if (frame := read.frame) is not None
        ],
        ignore_index=True,
    )
    files = [file for file, _ in given]
    _check_repeats(whole, entry, files, findings)
    if GDP in entry.fields:
        _check_gdp(whole, files, findings, limits)
    if YEAR in entry.key:
        _check_jumps(whole, entry, files, findings, limits)
        if CODE in entry.key:
            _check_panel(whole, files, findings, years, known)
    return [problem for found in findings.values() for problem in found.problems()]


def check_keys(frames: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """Check that rights and disputes name registration units that there are (外键检查).

    Parameters
    ----------
    frames : mapping of DataFrame
        Tables by id, whole. An index of texts is taken for the places of the rows.

    Returns
    -------
    list of Problem
        Empty when there are no registration units to compare with.
    """
    if UNITS not in frames:
        return []
    units = set(frames[UNITS]["unit_id"].dropna())
    problems: list[Problem] = []
    for table, names in LINKS.items():
        if table not in frames:
            continue
        findings = Findings(table)
        for name in names:
            if name in frames[table]:
                values = frames[table][name].dropna()
                for place, value in values[~values.isin(units)].items():
                    findings.add(
                        "unknown_unit_id",
                        f"names no registration unit.{near(value, units)}",
                        f"Correct it, or add the unit to {UNITS}.",
                        column=name,
                        place=place if isinstance(place, str) else f"row {place}",
                        value=value,
                    )
        problems += findings.problems()
    return problems


# Schema -------------------------------------------------------------------------------------------


def schema(entry: TableEntry, years: Collection[int]) -> pa.DataFrameSchema:
    """Return pandera's schema of a table; what is missing was named where the table was read."""
    columns = {
        name: pa.Column(
            NULLABLE[field.type],
            _checks(name, field, years),
            nullable=True,
            coerce=NULLABLE[field.type] != "str",
        )
        for name, field in entry.fields.items()
    }
    unique = pa.Check(
        lambda frame: ~frame.duplicated(entry.key) | frame[entry.key].isna().any(axis=1),
        error="duplicate_key",
        ignore_na=False,
    )
    return pa.DataFrameSchema(columns, checks=[unique])


def _checks(name: str, field: FieldEntry, years: Collection[int]) -> list[pa.Check]:
    """Return the checks of one column."""
    if field.allowed:
        return [pa.Check.isin(list(field.allowed), error="unknown_value")]
    if name == YEAR:
        return [pa.Check.isin(list(years), error="year_outside")]
    if field.type not in FIGURES:
        return []
    low, high = _range(name, field)
    return [
        pa.Check(
            lambda values: (
                (values >= low - ranges.ROUNDING)
                & (values <= high + ranges.ROUNDING)
                & np.isfinite(values)
            ),
            error="out_of_range",
        )
    ]


def _range(name: str, field: FieldEntry) -> tuple[float, float]:
    """Return the least and greatest value of a column."""
    return ranges.table_limits(TableField(name=name, type=field.type, unit=field.unit))


def _check_schema(
    file: FileEntry, read: TableRead, years: Collection[int], findings: Findings
) -> None:
    """Turn what pandera finds into problems."""
    assert read.frame is not None
    try:
        schema(file.entry, years).validate(read.frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases
    else:
        return
    repeated = failures.loc[failures["check"] == "duplicate_key", "index"].drop_duplicates()
    _add_repeated(file, read, list(repeated), findings)
    for case in failures[failures["check"] != "duplicate_key"].itertuples():
        if case.check == "column_in_dataframe" or case.index in read.frame.index:
            _add_failure(file, read, case, findings)  # else a check that a wrong type made fail


def _add_failure(file: FileEntry, read: TableRead, case: Any, findings: Findings) -> None:
    """Take down one case of pandera's."""
    rule = case.check
    if rule == "column_in_dataframe":
        rule, name = "missing_column", case.failure_case
    else:
        rule, name = rule if rule in SCHEMA_TEXTS else "wrong_type", case.column
    field = file.entry.fields[name]
    message, remedy = SCHEMA_TEXTS[rule]
    words = {
        "type": field.type,
        "allowed": ", ".join(field.allowed),
        "unit": field.unit,
        "span": ranges.span(*_range(name, field)),
    }
    value = "" if rule == "missing_column" else shown(case.failure_case)
    findings.add(
        rule,
        message.format(**words).strip(),
        remedy,
        column=_header(file, name),
        place=_place(read, case.index),
        value=f"{value} {field.unit}".strip() if rule == "out_of_range" else value,
        severity=_severity(rule),
    )


def _add_repeated(
    file: FileEntry, read: TableRead, repeated: Sequence[Any], findings: Findings
) -> None:
    """Take down the rows whose key stood before."""
    assert read.frame is not None
    names = file.entry.key
    key = read.frame[names]
    first = key.assign(_row=key.index).groupby(names, dropna=False)["_row"].transform("first")
    for row in repeated:
        findings.add(
            "duplicate_key",
            f"the same {', '.join(names)} stands before at {_place(read, first[row])}",
            "Keep one of the rows.",
            place=_place(read, row),
            value=_key_text(key.loc[row]),
        )


def _severity(rule: str) -> Severity:
    """Return how bad a kind of problem is."""
    return "warning" if rule in WARNINGS else "error"


def _header(file: FileEntry, name: str) -> str:
    """Return the header that the user knows a field by."""
    return file.columns[name].header if name in file.columns else name


def _place(read: TableRead, row: Any) -> str:
    """Return the place of a row in its file."""
    return str(read.rows[row]) if row in read.rows.index else ""


def _key_text(values: pd.Series) -> str:
    """Return a key as a text."""
    return " ".join(map(str, values))


# County codes -------------------------------------------------------------------------------------


def _check_codes(
    file: FileEntry, read: TableRead, known: Collection[str], findings: Findings
) -> None:
    """Find codes that are not those of today's, or the declared, counties."""
    assert read.frame is not None
    codes = read.frame[CODE].dropna()
    wrong = codes[~codes.isin(list(known))]
    said = {code: _wrong_code(code, known, set(codes)) for code in wrong.unique()}
    for row, code in wrong.items():
        rule, message, remedy = said[code]
        findings.add(
            rule,
            message,
            remedy,
            column=_header(file, CODE),
            place=_place(read, row),
            value=code,
            severity=_severity(rule),
        )


def _wrong_code(code: str, known: Collection[str], beside: Collection[str]) -> tuple[str, str, str]:
    """Say what a code is that is not known: rule, message, remedy."""
    changes = dictionary.county_changes()
    became = changes[changes["old_code"] == code]
    if len(became):
        return _old_code(became, beside)
    if code in counties.read().index:
        return (
            "county_outside",
            f"is {counties.name_zh(code)}, which is not declared",
            "Nothing to do, unless it is wanted: then declare it under `counties`.",
        )
    if not SIX_DIGITS.fullmatch(code):
        return "code_length", f"is no code of six digits.{_meant(code)}", "Give the county's code."
    for ending, (rule, meaning) in WIDER_CODES.items():
        if code.endswith(ending):
            return (
                rule,
                f"is the code of {meaning}, not of a county",
                "Take the row out, or list its first word under `total_rows`.",
            )
    return "unknown_code", f"is no county of today.{near(code, known)}", "Correct the code."


def _old_code(became: pd.DataFrame, beside: Collection[str]) -> tuple[str, str, str]:
    """Say what became of a county."""
    parts = [f"{row.new_code} {row.new_name}".strip() for row in became.itertuples()]
    change = became.iloc[0]
    was = f"is the former {change['old_name']}, {{}} since {change['date']}"
    if len(became) > 1 or change["kind"] not in ONE_TO_ONE:
        return (
            "split_code",
            was.format(f"divided among {' and '.join(parts)}" if any(parts) else "abolished"),
            "Give the figures of today's counties; how to divide them is not known here.",
        )
    if change["kind"] == "merged" and change["new_code"] in beside:
        return (
            "merged_code",
            was.format(f"part of {parts[0]}, which has rows of its own"),
            "Add the two counties' figures up into one row.",
        )
    return (
        "renamed_code",
        was.format(f"{parts[0]}"),
        "Correct the code, or list renamed_codes under `accept`.",
    )


def _meant(text: str) -> str:
    """Hint at the county that a name, or a longer code, means."""
    if text[:CODE_LENGTH] in counties.read().index and not text[CODE_LENGTH:].strip("0"):
        return f" Did you mean {text[:CODE_LENGTH]!r}?"
    try:
        code = counties.find(text)
    except CodeError:
        return ""
    return f" It is the name of {code}."


# Sums ---------------------------------------------------------------------------------------------


def _check_dates(file: FileEntry, read: TableRead, findings: Findings) -> None:
    """Find what ends before it starts; dates are texts that sort."""
    assert read.frame is not None
    start, end = STARTS_ENDS
    if start not in read.frame or end not in read.frame:
        return
    dates = read.frame[[start, end]].dropna()
    for row, found in dates[dates[end] < dates[start]].iterrows():
        findings.add(
            "end_before_start",
            f"is before {_header(file, start)!r}, {found[start]}",
            "Correct one of the dates.",
            column=_header(file, end),
            place=_place(read, row),
            value=found[end],
        )


def _check_stocks(file: FileEntry, read: TableRead, limits: Limits, findings: Findings) -> None:
    """Find stocks that do not close: 期初 + 增加 − 减少 = 期末."""
    assert read.frame is not None
    if not {*STOCKS, CLOSING} <= set(read.frame):
        return
    expected = sum(sign * read.frame[name] for name, sign in STOCKS.items())
    for row in read.frame.index:
        due, got = float(expected[row]), float(read.frame.loc[row, CLOSING])
        if _differs(got, due, limits.total_tolerance):
            findings.mend(
                "totals",
                f"is not opening plus additions less reductions, {due:.10g}",
                "Correct the figures.",
                rule="stock_not_closed",
                column=_header(file, CLOSING),
                place=_place(read, row),
                value=got,
            )


def _check_totals(file: FileEntry, read: TableRead, limits: Limits, findings: Findings) -> None:
    """Find totals that differ from the sum of the rows that they are of."""
    assert read.frame is not None
    summed = [
        name
        for name, field in file.entry.fields.items()
        if field.type in FIGURES
        and name not in file.entry.key
        and field.unit != PERCENT
        and not INTENSIVE.search(name)
    ]
    for _, total in read.totals.iterrows():
        parts = read.frame[_parts_of(total, read.frame, file.entry.key)]
        for name in summed:
            due = float(parts[name].astype("float64").sum(skipna=False))
            got = math.nan if pd.isna(total[name]) else float(total[name])
            if _differs(got, due, limits.total_tolerance):
                findings.mend(
                    "totals",
                    f"has a total that differs from the sum of its {len(parts)} rows, {due:.10g}",
                    "Correct the total or the rows.",
                    column=_header(file, name),
                    place=total["place"],
                    value=got,
                )


def _parts_of(total: pd.Series, frame: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """Return which rows a total is of: those that share what its key says."""
    wanted = pd.Series(data=True, index=frame.index)
    for name in key:
        value = total[name]
        if pd.isna(value):
            continue
        if name == CODE:
            ending = next((e for e in WIDER_CODES if value.endswith(e)), "")
            wanted &= frame[name].str.startswith(value.removesuffix(ending)).fillna(value=False)
        else:
            wanted &= (frame[name] == value).fillna(value=False)
    return wanted


def _differs(got: float, due: float, tolerance: float) -> bool:
    """Tell whether two figures differ by more than rounding; missing ones do not."""
    return abs(got - due) > tolerance * max(abs(got), abs(due))


# Years --------------------------------------------------------------------------------------------


def _check_repeats(
    whole: pd.DataFrame,
    entry: TableEntry,
    files: Sequence[FileEntry],
    findings: Mapping[str, Findings],
) -> None:
    """Find keys that stand in two files."""
    known = whole.dropna(subset=entry.key)
    for key, rows in known[known.duplicated(entry.key, keep=False)].groupby(entry.key):
        first = rows.iloc[0]
        for _, row in rows[rows["_file"] != first["_file"]].iterrows():
            findings[files[row["_file"]].path].add(
                "duplicate_key",
                f"the same {', '.join(entry.key)} stands in {files[first['_file']].path}, "
                f"{first['_place']}",
                "Keep one of the rows.",
                place=row["_place"],
                value=" ".join(map(str, key)),
            )


def _check_gdp(
    whole: pd.DataFrame,
    files: Sequence[FileEntry],
    findings: Mapping[str, Findings],
    limits: Limits,
) -> None:
    """Find GDP per person that no county has: a slip of unit in all years is no jump."""
    low, high = limits.gdp_per_person_cny["low"], limits.gdp_per_person_cny["high"]
    gdp, people = (whole[name].astype("float64") for name in (GDP, PEOPLE))
    per_person = gdp / people.where(people > 0)
    for index, value in per_person[(per_person < low) | (per_person > high)].items():
        row = whole.loc[index]
        file = files[row["_file"]]
        findings[file.path].add(
            "gdp_per_person",
            f"comes to {value:.4g} CNY per person, it must lie between {low:g} and {high:g}",
            "Correct GDP, residents, or their units.",
            column=_header(file, GDP),
            place=row["_place"],
            value=_key_text(row[[CODE, YEAR]]),
        )


def _check_jumps(
    whole: pd.DataFrame,
    entry: TableEntry,
    files: Sequence[FileEntry],
    findings: Mapping[str, Findings],
    limits: Limits,
) -> None:
    """Find figures that jump from one year to the next, and those that look like a slip of unit."""
    place = [name for name in entry.key if name != YEAR]
    ordered = whole.dropna(subset=entry.key).sort_values(entry.key, kind="stable")
    ordered = ordered.drop_duplicates(entry.key)
    ordered = ordered.sort_values([*place, YEAR]).reset_index(drop=True)
    before = ordered.groupby(place).shift()
    for name, field in entry.fields.items():
        if field.type not in FIGURES or name in entry.key:
            continue
        ratio = ordered[name].astype("float64") / before[name].astype("float64")
        odd = np.isfinite(ratio) & (
            (ratio > limits.jump_factor) | ((ratio >= 0) & (ratio < 1 / limits.jump_factor))
        )
        for index in ordered.index[odd]:
            row = ordered.loc[index]
            file = files[row["_file"]]
            message, rule = _jump(file, name, field, ratio[index], limits)
            findings[file.path].mend(
                "jumps",
                f"is {row[name]:.6g} {field.unit} in {row[YEAR]}, {before.loc[index, name]:.6g} in "
                f"{before.loc[index, YEAR]}{message}",
                "Correct the figure or its unit.",
                rule=rule,
                column=_header(file, name),
                place=row["_place"],
                value=_key_text(row[place]),
                severity=_severity(rule),
            )


def _jump(
    file: FileEntry, name: str, field: FieldEntry, ratio: float, limits: Limits
) -> tuple[str, str]:
    """Say what a jump looks like, and its rule."""
    if ratio == 0:
        return ": a missing figure must be left empty, not 0", "jump"
    power = round(math.log10(ratio))
    if power == 0 or abs(ratio / DECADE**power - 1) > limits.unit_slip_tolerance:
        return "", "jump"
    declared = file.columns[name].unit if name in file.columns else ""
    meant = _slipped(declared, field.unit, power)
    like = f": looks like {meant} for {declared}" if meant else ": looks like a slip of unit"
    return f"{like} (about {DECADE**power:g} times)", "unit_slip"


def _slipped(declared: str, unit: str, power: int) -> str:
    """Return the unit that the figures are in if they are 10^power times too large."""
    base = declared.lstrip("".join(CHINESE_SCALES))
    own = scale_of_unit(declared, unit)
    for scale in CHINESE_SCALES if base and own else ():
        other = scale_of_unit(scale + base, unit)
        if other and own and math.isclose(own[0] / other[0], DECADE**power):
            return scale + base
    return ""


def _check_panel(
    whole: pd.DataFrame,
    files: Sequence[FileEntry],
    findings: Mapping[str, Findings],
    years: Collection[int],
    known: Collection[str],
) -> None:
    """Find years and counties that have no row."""
    held = whole.dropna(subset=[CODE, YEAR])
    wanted = set(known) or set(held[CODE])
    found = findings[files[0].path]
    table = files[0].table
    for year in sorted(set(years) or set(held[YEAR])):
        rows = held[held[YEAR] == year]
        lacking = sorted(wanted - set(rows[CODE]))
        if not len(rows):
            rule, message = "missing_year", f"table {table} has no rows of {year}"
        elif lacking:
            more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
            rule = "missing_county"
            message = (
                f"table {table} has no rows of {year} for {len(lacking)} counties: "
                f"{', '.join(lacking[:SHOWN])}{more}"
            )
        else:
            continue
        found.add(rule, message, "Add the rows, if they are known.", severity="warning")
