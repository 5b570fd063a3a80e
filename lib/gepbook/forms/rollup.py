"""Sums county forms to the prefectures and the province and checks the levels (逐级汇总与核对)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gepbook import counties, ledger, provenance
from gepbook.forms import model, reading, workbook
from gepbook.forms.model import KEY, PROVINCE_ZH, Form, FormError, FormsParams, Heading

PREFECTURE_FOLDER = "prefecture"
PROVINCE_FILE = "province.xlsx"
RECONCILIATION_FILE = "reconciliation.csv"
OWN = {PREFECTURE_FOLDER, PROVINCE_FILE, RECONCILIATION_FILE}

COMPLETE = "县（市、区）齐全"
PARTS = "分项合计=服务、服务合计=类别、类别合计=总值"
EXTENT = "年初面积+净变化=年末面积"
PREFECTURES = "县合计=设区市"
PROVINCES = "设区市合计=省"
LEDGER = "县级报表=台账"
CHECK_COLUMNS = [
    "check",
    "level",
    "code",
    "place",
    *KEY,
    "unit",
    "expected",
    "got",
    "difference",
    "ok",
    "note",
]


@dataclass(frozen=True)
class RollUp:
    """The forms of three levels; `missing` names the counties that none was received of."""

    counties: list[Form]
    prefectures: list[Form]
    province: Form
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the sums cover every county."""
        return not self.missing


def roll_up(
    folder: Path,
    target: Path,
    rules: FormsParams,
    *,
    year: int | None = None,
    expected: Sequence[str] | None = None,
) -> RollUp:
    """Sum the county forms of a folder into the forms of the prefectures and the province (汇总).

    Quantities and values are summed, prices and shares are not. Counties without a form are named on
    every form that lacks them, and that form is marked incomplete.

    Parameters
    ----------
    folder : Path
        County forms, one a file.
    target : Path
        Where `prefecture/<name>.xlsx` and `province.xlsx` are written; replaced whole.
    rules : FormsParams
    year : int, optional
        What all forms must be of.
    expected : sequence of str, optional
        Codes of the counties that must report; all of the province when not given.

    Raises
    ------
    FormError
        All problems of all forms, or a target that holds other files.
    """
    others = {p.name for p in target.iterdir()} - OWN if target.exists() else set()
    if others or folder.resolve().is_relative_to(target.resolve()):
        raise FormError(
            f"{target}: would be replaced whole but holds other files "
            f"({', '.join(sorted(others)) or folder.name}). Choose another folder for the sums."
        )
    forms = reading.read_folder(folder, rules, year=year)
    rolled = sum_forms(forms, rules, expected=expected)
    with provenance.replaced_folder(target) as part:
        write_sums(rolled, part, rules)
    return rolled


def sum_forms(
    forms: list[Form], rules: FormsParams, *, expected: Sequence[str] | None = None
) -> RollUp:
    """Return the forms of the prefectures and the province from those of counties.

    A prefecture without any county form has none itself and is missing in the province's.

    Raises
    ------
    FormError
        When there is no form at all.
    """
    if not forms:
        raise FormError(
            "roll-up: there is no county form. Put the counties' forms into the folder."
        )
    wanted = list(counties.read().index if expected is None else expected)
    by_code = {form.heading.code: form for form in forms}
    strange = sorted(set(by_code) - set(wanted))
    if strange:
        raise FormError(
            f"roll-up: {', '.join(strange)} are not among the counties that must report. "
            "Take their forms out, or name them as expected."
        )
    missing = tuple(sorted(set(wanted) - set(by_code)))
    common = {k: getattr(forms[0].heading, k) for k in ("year", "standard", "release")}
    names = counties.read().loc[wanted, "prefecture"]
    prefectures = []
    for name in dict.fromkeys(names.sort_index()):
        members = sorted(names.index[names == name])
        own = [by_code[code] for code in members if code in by_code]
        if not own:
            continue
        heading = Heading(
            level="prefecture",
            code=model.prefecture_code(members[0]),
            name=name,
            expected=len(members),
            missing=tuple(code for code in members if code in missing),
            **common,
        )
        figures = model.sum_figures([form.figures for form in own], rules, "prefecture")
        prefectures.append(Form(heading, figures))
    heading = Heading(
        level="province",
        code=ledger.PROVINCE,
        name=PROVINCE_ZH,
        expected=len(wanted),
        missing=missing,
        **common,
    )
    figures = model.sum_figures([form.figures for form in prefectures], rules, "province")
    return RollUp(forms, prefectures, Form(heading, figures), missing)


def write_sums(rolled: RollUp, folder: Path, rules: FormsParams) -> None:
    """Write `prefecture/<name>.xlsx` and `province.xlsx` into a folder."""
    by_code = {form.heading.code: form for form in rolled.counties}
    names = counties.read()
    for form in rolled.prefectures:
        own = [c for c in names.index[names["prefecture"] == form.heading.name]
               if c in by_code or c in form.heading.missing]  # fmt: skip
        lines = [
            workbook.region_row(
                code,
                counties.name_zh(code),
                "已报" if code in by_code else "缺报",
                by_code[code].figures if code in by_code else None,
            )
            for code in own
        ]
        path = folder / PREFECTURE_FOLDER / f"{form.heading.name}.xlsx"
        notes = _notes(form, rolled, rules)
        workbook.write_form(form, path, rules, regions=pd.DataFrame(lines), notes=notes)
    lines = [
        workbook.region_row(
            form.heading.code,
            form.heading.name,
            "完整" if form.heading.complete else f"不完整：缺 {len(form.heading.missing)} 个县",
            form.figures,
        )
        for form in rolled.prefectures
    ]
    shown = {form.heading.name for form in rolled.prefectures}
    absent = names.loc[list(rolled.missing), "prefecture"]
    lines += [
        workbook.region_row(model.prefecture_code(str(codes[0])), str(name), "缺报", None)
        for name, codes in absent.groupby(absent).groups.items()
        if name not in shown
    ]
    notes = _notes(rolled.province, rolled, rules)
    regions = pd.DataFrame(lines).sort_values("code", kind="stable")
    workbook.write_form(
        rolled.province, folder / PROVINCE_FILE, rules, regions=regions, notes=notes
    )


def reconcile(
    folder: Path,
    sums: Path,
    rules: FormsParams,
    *,
    ledger_rows: pd.DataFrame | None = None,
    expected: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Check the forms on disk within each level, between levels and against the ledger (核对).

    Parameters
    ----------
    folder : Path
        County forms.
    sums : Path
        Where `roll_up` wrote.
    rules : FormsParams
    ledger_rows : DataFrame, optional
        Ledger of the year with the rows of all counties; without it that check is left out.
    expected : sequence of str, optional
        Codes of the counties that must report; all of the province when not given.

    Returns
    -------
    DataFrame, columns of `CHECK_COLUMNS`
        One row a figure checked: check, place, expected, got, difference in the figure's unit, ok. A
        figure that one side lacks is NaN there and not ok.

    Raises
    ------
    FormError
        All problems of forms that cannot be read.
    """
    forms = reading.read_folder(folder, rules)
    return check_forms(forms, *read_sums(sums, rules), rules, ledger_rows, expected)


def read_sums(sums: Path, rules: FormsParams) -> tuple[list[Form], Form]:
    """Return the forms of the prefectures and of the province from where `roll_up` wrote.

    Raises
    ------
    FormError
        All problems of forms that cannot be read.
    """
    problems: list[str] = []
    found: list[Form] = []
    for path in [*sorted((sums / PREFECTURE_FOLDER).glob("*.xlsx")), sums / PROVINCE_FILE]:
        try:
            found.append(reading.read_form(path, rules))
        except FormError as error:
            problems += error.problems
    if problems:
        raise FormError(problems)
    return found[:-1], found[-1]


def check_forms(
    forms: list[Form],
    prefectures: list[Form],
    province: Form,
    rules: FormsParams,
    ledger_rows: pd.DataFrame | None = None,
    expected: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the checks of forms as read; parameters and result as in `reconcile`."""
    wanted = list(counties.read().index if expected is None else expected)
    rows = _complete(forms, province, wanted)
    for form in [*forms, *prefectures, province]:
        rows += _within(form, rules)
    names = counties.read()["prefecture"]
    places = [names[form.heading.code] for form in forms]
    for name in dict.fromkeys([*places, *(form.heading.name for form in prefectures)]):
        own = [form for form, place in zip(forms, places, strict=True) if place == name]
        theirs = [form for form in prefectures if form.heading.name == name]
        rows += _between(PREFECTURES, own, theirs, name, rules, "prefecture")
    rows += _between(PROVINCES, prefectures, [province], PROVINCE_ZH, rules, "province")
    if ledger_rows is not None:
        for form in forms:
            own_rows = ledger_rows[ledger_rows["county_code"] == form.heading.code]
            rows += _against_ledger(form, own_rows, rules)
    return pd.DataFrame(rows, columns=CHECK_COLUMNS)


def write_reconciliation(checks: pd.DataFrame, path: Path) -> None:
    """Write the checks as CSV that a spreadsheet opens without taking a text for a formula."""
    texts = checks.select_dtypes(include=["object", "string"]).columns
    safe = checks.assign(**{c: checks[c].map(lambda v: model.safe_text(str(v))) for c in texts})
    safe.to_csv(path, index=False, encoding="utf-8-sig")


def _values(figures: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """Return figures by key."""
    keys = figures[KEY].itertuples(index=False, name=None)
    return dict(zip(keys, figures["value"], strict=True))


def _units(figures: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """Return units by key."""
    keys = figures[KEY].itertuples(index=False, name=None)
    return dict(zip(keys, figures["unit"], strict=True))


def _check(
    check: str,
    heading: Heading,
    key: tuple[str, ...],
    unit: str,
    expected: float,
    got: float,
    rules: FormsParams,
) -> dict[str, Any]:
    """Return one line of the reconciliation."""
    difference = got - expected
    ok = math.isfinite(difference) and abs(difference) <= rules.tolerance(unit, expected, got)
    note = "" if math.isfinite(difference) else "one side has no figure"
    return {
        "check": check,
        "level": heading.level,
        "code": heading.code,
        "place": heading.name,
        **dict(zip(KEY, key, strict=True)),
        "unit": unit,
        "expected": expected,
        "got": got,
        "difference": difference,
        "ok": ok,
        "note": note,
    }


def _complete(forms: list[Form], province: Form, wanted: list[str]) -> list[dict[str, Any]]:
    """Return whether all counties reported, for the province and each prefecture concerned."""
    received = {form.heading.code for form in forms}
    names = counties.read().loc[wanted, "prefecture"]
    groups = [(wanted, province.heading)]
    for name in dict.fromkeys(names):
        members = sorted(names.index[names == name])
        heading = province.heading.model_copy(
            update={"level": "prefecture", "code": model.prefecture_code(members[0]), "name": name}
        )
        groups.append((members, heading))
    rows = []
    for members, heading in groups:
        lacking = [code for code in members if code not in received]
        rows.append(
            {
                "check": COMPLETE,
                "level": heading.level,
                "code": heading.code,
                "place": heading.name,
                **dict.fromkeys(KEY, ""),
                "unit": "1",
                "expected": float(len(members)),
                "got": float(len(members) - len(lacking)),
                "difference": float(-len(lacking)),
                "ok": not lacking,
                "note": "、".join(counties.name_zh(code) for code in lacking),
            }
        )
    return rows


def _within(form: Form, rules: FormsParams) -> list[dict[str, Any]]:
    """Return whether the subtotals of a form are the sums of their parts."""
    values = _values(form.figures)
    rows = []
    for key, got in values.items():
        if key[0] in ("services", "gep"):
            parts = workbook.parts_of(key, values)
            total = model.exact_sum(values[part] for part in parts)
            empty = not parts and not (key[0] == "gep" and got == 0)
            expected = float("nan") if empty else total
            rows.append(_check(PARTS, form.heading, key, "CNY", expected, got, rules))
        elif key[:1] + key[2:3] == ("extent", "closing"):
            others = [("extent", key[1], measure, key[3]) for measure in ("opening", "change")]
            if all(other in values for other in others):
                expected = sum(values[other] for other in others)
                rows.append(_check(EXTENT, form.heading, key, "ha", expected, got, rules))
    return rows


def _between(
    check: str,
    parts: list[Form],
    wholes: list[Form],
    name: str,
    rules: FormsParams,
    level: model.Level,
) -> list[dict[str, Any]]:
    """Return whether the figures of a level are the sums of those of the level below."""
    heading = (wholes or parts)[0].heading.model_copy(update={"name": name, "level": level})
    summed = model.sum_figures([form.figures for form in parts], rules, level) if parts else None
    expected = {} if summed is None else _values(summed)
    got = _values(wholes[0].figures) if wholes else {}
    units = {} if summed is None else _units(summed)
    if wholes:
        units |= _units(wholes[0].figures)
    nothing = float("nan")
    return [
        _check(
            check,
            heading,
            key,
            units[key],
            expected.get(key, nothing),
            got.get(key, nothing),
            rules,
        )
        for key in {**expected, **got}
    ]


def _against_ledger(form: Form, rows: pd.DataFrame, rules: FormsParams) -> list[dict[str, Any]]:
    """Return whether a county's form says what the release's ledger says."""
    kept = form.figures["account"].isin(model.MEASURES)
    got, expected = _values(form.figures[kept]), model.ledger_figures(rows)
    units = _units(expected) | _units(form.figures[kept])
    wanted = _values(expected)
    nothing = float("nan")
    return [
        _check(
            LEDGER,
            form.heading,
            key,
            units[key],
            wanted.get(key, nothing),
            got.get(key, nothing),
            rules,
        )
        for key in {**wanted, **got}
    ]


def _notes(form: Form, rolled: RollUp, rules: FormsParams) -> list[tuple[str, str, str]]:
    """Return what a sum says of itself: counties that are missing, figures that are not summed."""
    notes = [
        ("缺报", f"{code} {counties.name_zh(code)}", "未收到报表，合计数不含该县")
        for code in form.heading.missing
    ]
    rows = pd.concat([form.figures for form in rolled.counties], ignore_index=True)
    rows = rows[rows["account"] != model.PRICE_ACCOUNT].drop_duplicates(["group", "label", "unit"])
    for r in rows.to_dict("records"):
        if not rules.is_summed(r["account"], r["item"], r["measure"], r["unit"]):
            text = f"单位 {model.unit_zh(r['unit'])}，不逐级相加，见各县报表"
            notes.append(("不汇总的指标", f"{r['group']} {r['label']}", text))
    return [*notes, ("不汇总的指标", "单位价格", "不逐级相加，见各县报表")]
