"""Ecosystem condition against reference levels (生态系统状况账户).

Each indicator is scored 0–1 between a low and a high reference level, by ecosystem group; the index of a
group is the weighted mean of its indicators, that of the county the area-weighted mean of its groups. An
indicator without data is listed as missing; the index then rests on the others and says on how much of
the weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import AfterValidator, Field, model_validator

from gepbook import ecosystems, ledger
from gepbook.errors import CodeError, UnitError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import LAND_COVER
from gepbook.inventory import landscape
from gepbook.ledger import Origin
from gepbook.params import Params, check_sum, parameter

SECTION = "condition"
METHOD = "seea-ea/condition"
#: Account of the county's index over the years.
HISTORY = "condition_history"
#: Item of the aggregates, and the name that the county has among the groups.
INDEX = "index"
COUNTY = "county"
WaterClass = Literal["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ"]


@dataclass(frozen=True)
class Indicator:
    """What an indicator is called and rests on (状况指标); `sources` are layers and tables."""

    name_zh: str
    unit: str
    sources: tuple[str, ...]


INDICATORS = {
    "vegetation_cover": Indicator("植被覆盖度", "percent", (LAND_COVER, "vegetation_cover")),
    "net_primary_productivity": Indicator(
        "净初级生产力", "g m-2 a-1", (LAND_COVER, "net_primary_productivity")
    ),
    "effective_mesh_size": Indicator("有效网格大小", "ha", (LAND_COVER,)),
    "water_quality": Indicator("断面水质类别得分", "1", ("water_sections",)),
    "good_air_days": Indicator("空气质量优良天数比例", "percent", ("environment",)),
}


class Reference(Params):
    """The levels that score 0 and 1 (参照水平)."""

    low: float
    high: float

    @model_validator(mode="after")
    def _rising(self) -> Reference:
        """Refuse levels that cannot be told apart."""
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        return self


def _known_types(table: dict[str, Reference]) -> dict[str, Reference]:
    """Refuse reference levels of types that do not exist; types may be left out."""
    unknown = sorted(set(table) - set(ecosystems.read()["id"]))
    if unknown:
        raise ValueError(f"unknown ecosystem types {unknown}")
    return table


def _known_groups(table: dict[str, Any]) -> dict[str, Any]:
    """Refuse rows of ecosystem groups that do not exist; groups may be left out."""
    unknown = sorted(set(table) - set(landscape.groups()))
    if unknown:
        raise ValueError(f"unknown ecosystem groups {unknown}")
    return table


def _check_weights(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Refuse weights of unknown indicators, or that are not 1 together in a group."""
    for group, weights in _known_groups(table).items():
        unknown = sorted(set(weights) - set(INDICATORS))
        if unknown:
            raise ValueError(f"{group}: unknown indicators {unknown}")
        check_sum(weights, f"{group}: weights ")
    return table


def _all_classes(table: dict[WaterClass, float]) -> dict[WaterClass, float]:
    """Refuse a table that lacks a class or scores a worse class higher."""
    if set(table) != set(get_args(WaterClass)):
        raise ValueError(f"must score exactly the classes {', '.join(get_args(WaterClass))}")
    scores = [table[name] for name in get_args(WaterClass)]
    if any(np.diff(scores) > 0):
        raise ValueError("a worse class must not score higher than a better one")
    return table


ByType = Annotated[dict[str, Reference], AfterValidator(_known_types)]
ByGroup = Annotated[dict[str, Reference], AfterValidator(_known_groups)]
Share = Annotated[float, Field(ge=0, le=1)]


class ConditionParams(Params):
    """Reference levels and weights of condition.

    A type without a reference level is not measured by that indicator; a group without weights has no
    index.
    """

    vegetation_cover: ByType = parameter("percent", "植被覆盖度参照水平, 按类型")
    net_primary_productivity: ByType = parameter("g m-2 a-1", "净初级生产力参照水平, 按类型")
    effective_mesh_size: ByGroup = parameter("ha", "有效网格大小参照水平, 按类组")
    water_class_score: Annotated[dict[WaterClass, Share], AfterValidator(_all_classes)] = parameter(
        "1", "水质类别得分"
    )
    good_air_days: Reference = parameter("percent", "空气质量优良天数比例参照水平")
    weights: Annotated[dict[str, dict[str, Share]], AfterValidator(_check_weights)] = parameter(
        "1", "指标权重, 按类组, Σ = 1"
    )


@dataclass(frozen=True)
class ConditionAccount:
    """The condition of one county in one year (生态系统状况).

    `indicators` has a row per ecosystem group and indicator that applies to it: group, indicator, value,
    unit, low, high, score, weight, covered_share (of the area that the indicator applies to, with a
    value), origin, note. A missing indicator has NaN for value and score and its reason in `note`.
    `index` is by group and for the `county`: area_ha, score, weight_covered, origin, note.
    `score` is the index of each cell, dims (y, x), 0–1, NaN where nothing is known.
    """

    year: int
    indicators: pd.DataFrame
    index: pd.DataFrame
    score: xr.DataArray


@dataclass(frozen=True)
class _Measured:
    """An indicator in each cell of the county; a county's figure is the same in all of them.

    Cells that the indicator does not apply to have no reference levels.
    """

    value: pd.Series
    low: pd.Series
    high: pd.Series
    note: str = ""

    @property
    def score(self) -> pd.Series:
        """The score of each cell, 0–1."""
        return relative(self.value, self.low, self.high)


def relative(value: Any, low: Any, high: Any) -> Any:
    r"""Return where values stand between two reference levels, 0–1; NaN stays NaN.

    Notes
    -----
    .. math:: I = \min(1, \max(0, (V - V_{low}) / (V_{high} - V_{low})))

    Source: SEEA Ecosystem Accounting (UN 2021), ch. 5, condition indicators.
    """
    return np.clip((value - low) / (high - low), 0.0, 1.0)


def water_quality(
    classes: pd.Series, scores: Mapping[WaterClass, float] | Mapping[str, float]
) -> tuple[float, str]:
    """Return the mean score of river sections by their class, and what lacks (断面水质).

    Parameters
    ----------
    classes : Series of str
        Class of each section; missing ones are left out and said.
    scores : dict
        Score of each class, 0–1.

    Raises
    ------
    CodeError
        For a class that does not exist.
    """
    table = dict(scores)
    known = classes.dropna()
    unknown = sorted(set(known) - set(table))
    if unknown:
        raise CodeError(
            f"table water_sections: water_class {', '.join(map(repr, unknown))} is no class of "
            f"water; the classes are {', '.join(table)}. Correct the table."
        )
    if known.empty:
        return float("nan"), "断面均无水质类别 / no section has a class"
    lacking = len(classes) - len(known)
    note = f"{len(classes)} 个断面中 {lacking} 个无水质类别 / sections without a class"
    return float(known.map(table).mean()), note if lacking else ""


def compute(inputs: CountyInputs, params: ConditionParams) -> ConditionAccount:
    """Return the condition of a county and year.

    Layers and tables that the pack does not bring are declared missing; nothing is put in their place.

    Raises
    ------
    CoverageError, ParameterError
        When cells of the county have no land cover or a code that is no ecosystem type.
    UnitError
        When a layer is in another unit.
    CodeError
        For a class of water that does not exist.
    """
    cells = landscape.cells(inputs.land_cover, inputs.coverage, inputs.cell_area_ha)
    rows: list[dict[str, Any]] = []
    gained, weight = pd.Series(0.0, cells.index), pd.Series(0.0, cells.index)
    for name in INDICATORS:
        measured = _measure(name, inputs, cells, params)
        weights = {g: w[name] for g, w in params.weights.items() if w.get(name, 0.0) > 0}
        rows += _group_rows(name, measured, cells, weights, inputs)
        score = measured.score
        own = _by(cells["group"], weights).where(score.notna()).fillna(0.0)
        gained, weight = gained + own * score.fillna(0.0), weight + own
    columns = ["group", "indicator", "value", "unit", "low", "high", "score", "weight"]
    table = pd.DataFrame(rows, columns=[*columns, "covered_share", "origin", "note"])
    table["group"] = pd.Categorical(table["group"], categories=landscape.groups())
    table = table.sort_values("group", kind="stable", ignore_index=True)
    table["group"] = table["group"].astype("str")
    areas = cells.groupby("group", observed=True)["area_ha"].sum()
    return ConditionAccount(
        year=inputs.year,
        indicators=table,
        index=aggregate(table, areas, inputs.origin(LAND_COVER)),
        score=landscape.on_map(gained / weight.where(weight > 0), inputs.coverage, "condition"),
    )


def _by(keys: pd.Series, table: Mapping[str, float]) -> pd.Series:
    """Return a table's values by type or group of each cell; NaN where the table has none."""
    return keys.map(dict(table)).astype("float64")


def _measure(
    name: str, inputs: CountyInputs, cells: pd.DataFrame, params: ConditionParams
) -> _Measured:
    """Return one indicator in the county's cells."""
    if name in ("vegetation_cover", "net_primary_productivity"):
        value, note = _raster(name, inputs)
        return _Measured(
            pd.Series(value, cells.index), *_levels(cells["type"], getattr(params, name)), note
        )
    if name == "effective_mesh_size":
        masks = landscape.group_masks(inputs.land_cover, inputs.coverage)
        mesh = {
            group: landscape.effective_mesh_size(mask, inputs.coverage, inputs.cell_area_ha)
            for group, mask in masks.items()
        }
        levels = _levels(cells["group"], params.effective_mesh_size)
        return _Measured(_by(cells["group"], mesh), *levels)
    if name == "water_quality":
        figure, note = _water(inputs, params)
        reference = Reference(low=0.0, high=1.0)  # classes are scored by their table
    else:
        figure, note = _good_air_days(inputs)
        reference = params.good_air_days
    value, low, high = (
        pd.Series(level, cells.index) for level in (figure, reference.low, reference.high)
    )
    return _Measured(value, low, high, note)


def _levels(keys: pd.Series, references: Mapping[str, Reference]) -> tuple[pd.Series, pd.Series]:
    """Return the low and high reference level of each cell; NaN where it has none."""
    low = _by(keys, {key: r.low for key, r in references.items()})
    return low, _by(keys, {key: r.high for key, r in references.items()})


def _raster(name: str, inputs: CountyInputs) -> tuple[np.ndarray | float, str]:
    """Return a layer in the county's cells, NaN and the reason where the pack does not bring it."""
    if not inputs.has(name):
        return float("nan"), f"数据包无图层 {name} / no such layer"
    layer, unit = inputs.layer(name), INDICATORS[name].unit
    if layer.attrs.get("units") != unit:
        raise UnitError(
            f"{name}: must be in {unit!r}, the pack's raster is in {layer.attrs.get('units')!r}. "
            "Convert it when the pack is built, and correct the unit in datapackage.json."
        )
    values = landscape.values_of(layer, inputs.coverage)
    gaps = int(np.isnan(values).sum())
    return values, f"{len(values)} 个格网中 {gaps} 个无值 / cells without a value" if gaps else ""


def _rows_of(table: str, column: str, inputs: CountyInputs) -> tuple[pd.Series, str]:
    """Return a county's figures of a table, none and the reason where there are none."""
    nothing = pd.Series(dtype="float64")
    if not inputs.has(table):
        return nothing, f"数据包无表 {table} / no such table"
    frame = inputs.table(table)
    if column not in frame.columns:
        return nothing, f"表 {table} 无列 {column} / no such column"
    if frame.empty:
        return nothing, f"表 {table} 无本县本年的行 / no row of the county and year"
    return frame[column], ""


def _water(inputs: CountyInputs, params: ConditionParams) -> tuple[float, str]:
    """Return the water quality of the county's sections."""
    classes, reason = _rows_of("water_sections", "water_class", inputs)
    return (float("nan"), reason) if reason else water_quality(classes, params.water_class_score)


def _good_air_days(inputs: CountyInputs) -> tuple[float, str]:
    """Return the share of days with good air, percent."""
    figures, reason = _rows_of("environment", "good_air_days_percent", inputs)
    if not reason and figures.isna().any():
        reason = "表 environment 未填 good_air_days_percent / figure not filled in"
    return (float("nan"), reason) if reason else (float(figures.iloc[0]), "")


def _group_rows(
    name: str,
    measured: _Measured,
    cells: pd.DataFrame,
    weights: Mapping[str, float],
    inputs: CountyInputs,
) -> list[dict[str, Any]]:
    """Return an indicator's rows of the groups that the county has and that it applies to."""
    score, rows = measured.score, []
    sources = [s for s in INDICATORS[name].sources if inputs.has(s)]
    for group, weight in weights.items():
        own = (cells["group"] == group) & measured.low.notna()
        if not own.any():
            continue
        area = cells.loc[own, "area_ha"]
        known = measured.value[own].notna()
        rows.append(
            {
                "group": group,
                "indicator": name,
                "unit": INDICATORS[name].unit,
                **{
                    column: landscape.weighted_mean(series[own], area)
                    for column, series in (
                        ("value", measured.value),
                        ("low", measured.low),
                        ("high", measured.high),
                        ("score", score),
                    )
                },
                "weight": weight,
                "covered_share": float(area[known].sum() / area.sum()),
                "origin": ledger.weakest(inputs.origin(source) for source in sources),
                "note": measured.note or ("" if known.any() else "无有效值 / no valid value"),
            }
        )
    return rows


def aggregate(
    indicators: pd.DataFrame, areas_ha: pd.Series, land_cover_origin: str
) -> pd.DataFrame:
    r"""Return the condition index by group and of the county (状况综合指数).

    Parameters
    ----------
    indicators : DataFrame
        Columns group, indicator, score (NaN = missing), weight, origin.
    areas_ha : Series, ha, indexed by group
        All groups that the county has.
    land_cover_origin : str
        Origin of the areas.

    Returns
    -------
    DataFrame indexed by group and, last, `county`
        Columns area_ha, score (0–1, NaN where nothing is known), weight_covered (share of the weight
        that data stand behind; of the county area-weighted over all its land), origin, note.

    Notes
    -----
    .. math:: C_g = \sum_j w_j I_{gj} / \sum_j w_j \;(j\ \text{known}), \quad
        C = \sum_g A_g C_g / \sum_g A_g \;(g\ \text{known})

    Source: SEEA Ecosystem Accounting (UN 2021), ch. 5, aggregate condition index; the weights are design.
    """
    rows = {str(g): _index_row(indicators[indicators["group"] == g]) for g in areas_ha.index}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.insert(0, "area_ha", areas_ha.to_numpy())
    table["origin"] = [ledger.weakest([land_cover_origin, o]) for o in table["origin"]]
    county = {
        "area_ha": table["area_ha"].sum(),
        "score": landscape.weighted_mean(table["score"], table["area_ha"]),
        "weight_covered": landscape.weighted_mean(table["weight_covered"], table["area_ha"]),
        "origin": ledger.weakest(table.loc[table["score"].notna(), "origin"]),
        "note": "；".join(f"{group}: {note}" for group, note in table["note"].items() if note),
    }
    return pd.concat([table, pd.DataFrame(county, index=[COUNTY])]).rename_axis("group")


def _index_row(own: pd.DataFrame) -> dict[str, Any]:
    """Return the index of one group from its indicators."""
    known = own[own["score"].notna()]
    missing = own.loc[own["score"].isna(), "indicator"].tolist()
    names = "、".join(INDICATORS[name].name_zh for name in missing)
    note = f"缺 {names} / missing {', '.join(missing)}" if missing else ""
    return {
        "score": landscape.weighted_mean(own["score"], own["weight"]),
        "weight_covered": 0.0 if own.empty else known["weight"].sum() / own["weight"].sum(),
        "origin": ledger.weakest(known["origin"]),
        "note": "本类组不设指标 / the group has no indicators" if own.empty else note,
    }


def change(opening: ConditionAccount, closing: ConditionAccount) -> pd.DataFrame:
    """Return the condition account between two years: opening, closing, change (状况账户).

    Returns
    -------
    DataFrame, a row per group and indicator, and per group and for the county with indicator `index`
        Columns group, indicator, value_opening, value_closing, value_change, score_opening,
        score_closing, score_change, note. A change is NaN where either year has no figure, and of an
        index also where the two years rest on different indicators: then the note says so.
    """
    frames = []
    for account in (opening, closing):
        index = account.index.reset_index()[["group", "score"]].assign(indicator=INDEX)
        frames.append(pd.concat([account.indicators, index], ignore_index=True))
    columns = ["group", "indicator", "value", "score"]
    before, now = (f[columns].set_index(["group", "indicator"]) for f in frames)
    order = now.index.append(before.index.difference(now.index))
    table = pd.DataFrame(index=order)
    for face in ("value", "score"):
        table[f"{face}_opening"] = before[face].reindex(order)
        table[f"{face}_closing"] = now[face].reindex(order)
        table[f"{face}_change"] = table[f"{face}_closing"] - table[f"{face}_opening"]
    unlike = _known_pairs(opening) ^ _known_pairs(closing)
    groups = {group for group, _ in unlike} | ({COUNTY} if unlike else set())
    uneven = pd.Series([i == INDEX and g in groups for g, i in order], index=order, dtype="bool")
    table["score_change"] = table["score_change"].mask(uneven)
    table["note"] = uneven.map({True: "两年的指标不同, 不可比 / indicators differ", False: ""})
    return table.reset_index()


def _known_pairs(account: ConditionAccount) -> set[tuple[str, str]]:
    """Return the groups and indicators that an account has a score of."""
    known = account.indicators[account.indicators["score"].notna()]
    return set(zip(known["group"], known["indicator"], strict=True))


def entries(
    account: ConditionAccount,
    inputs: CountyInputs,
    opening: ConditionAccount | None = None,
    quality: str = "",
) -> list[dict[str, Any]]:
    """Return the ledger rows of account `condition`.

    Items are `<group>.<indicator>` with the measures value, reference_low, reference_high, score, weight
    and covered_share, `<group>.index` and `index` (the county) with score and weight_covered; what is
    missing has the measure `missing` and its reason as note. With the account of the year before, value
    and score also have `…_opening` and `…_change`.

    Parameters
    ----------
    account, opening : ConditionAccount
        Of the year of `inputs` and, where there is one, of the year before.
    inputs : CountyInputs
        Tells the origin of changes.
    quality : str
        Lowest confidence of the section's parameters.
    """
    rows = []
    for row in account.indicators.to_dict("records"):
        faces = {
            "value": (row["value"], row["unit"]),
            "reference_low": (row["low"], row["unit"]),
            "reference_high": (row["high"], row["unit"]),
            "score": (row["score"], "1"),
            "weight": (row["weight"], "1"),
            "covered_share": (row["covered_share"], "1"),
        }
        item = f"{row['group']}.{row['indicator']}"
        rows += _rows(item, row["indicator"], faces, row["origin"], row["note"], quality)
    for group, row in account.index.iterrows():
        faces = {"score": (row["score"], "1"), "weight_covered": (row["weight_covered"], "1")}
        item = INDEX if group == COUNTY else f"{group}.{INDEX}"
        rows += _rows(item, INDEX, faces, row["origin"], row["note"], quality)
    return rows if opening is None else rows + _change_rows(opening, account, inputs, quality)


def _lacking(account: ConditionAccount) -> set[str]:
    """Return the indicators that an account has no score of in some group."""
    return set(account.indicators.loc[account.indicators["score"].isna(), "indicator"])


def history_entries(
    inputs: CountyInputs, params: ConditionParams, known: Iterable[ConditionAccount], quality: str
) -> list[dict[str, Any]]:
    """Return the ledger rows of the county's index over the years (历年状况指数).

    Item `index`, measures `value_<year>`, of the accounting year and of the earlier years of the pack
    that lack the same indicators; others cannot be compared with it. A group that came or went does not
    matter: it is a change.

    Parameters
    ----------
    inputs : CountyInputs
        Of the accounting year.
    params : ConditionParams
    known : iterable of ConditionAccount
        Those that were computed already.
    quality : str
        Confidence of the rules.
    """
    states = {state.year: state for state in known}
    for year in (y for y in inputs.pack.years if y <= inputs.year and y not in states):
        states[year] = compute(CountyInputs(inputs.pack, inputs.county_code, year), params)
    lacking = {year: _lacking(state) for year, state in states.items()}
    return [
        ledger.entry(
            HISTORY, INDEX, f"value_{year}", state.index.loc[COUNTY, "score"], "1",
            origin=state.index.loc[COUNTY, "origin"], method_id=f"{METHOD}/{INDEX}", quality=quality,
        )
        for year, state in sorted(states.items())
        if lacking[year] == lacking[inputs.year] and pd.notna(state.index.loc[COUNTY, "score"])
    ]  # fmt: skip


def _rows(
    item: str,
    indicator: str,
    faces: Mapping[str, tuple[float, str]],
    origin: Origin,
    note: str,
    quality: str,
) -> list[dict[str, Any]]:
    """Return the rows of one item, or the one row that says it is missing."""
    if np.isnan(faces["score"][0]):
        faces = {"missing": (1.0, "1")}
    return [
        ledger.entry(
            "condition",
            item,
            measure,
            value,
            unit,
            origin=origin,
            method_id=f"{METHOD}/{indicator}",
            quality=quality,
            note=note,
        )
        for measure, (value, unit) in faces.items()
    ]


def _change_rows(
    opening: ConditionAccount, closing: ConditionAccount, inputs: CountyInputs, quality: str
) -> list[dict[str, Any]]:
    """Return the rows of the opening and of the change."""
    before, now = _origins(opening), _origins(closing)
    moved = {
        name: [inputs.change_origin(source) for source in indicator.sources if inputs.has(source)]
        for name, indicator in INDICATORS.items()
    }
    moved[INDEX] = [origin for found in moved.values() for origin in found]
    rows = []
    for row in change(opening, closing).to_dict("records"):
        key = group, name = row["group"], row["indicator"]
        known = [origins[key] for origins in (before, now) if key in origins]
        behind = {"opening": known[:1], "change": [*known, *moved[name]]}
        for face, unit in (("value", _unit(name)), ("score", "1")):
            rows += [
                ledger.entry(
                    "condition",
                    INDEX if group == COUNTY else f"{group}.{name}",
                    f"{face}_{measure}",
                    row[f"{face}_{measure}"],
                    unit,
                    origin=ledger.weakest(origins),
                    method_id=f"{METHOD}/{name}",
                    quality=quality,
                    note=row["note"],
                )
                for measure, origins in behind.items()
                if not np.isnan(row[f"{face}_{measure}"])
            ]
    return rows


def _unit(name: str) -> str:
    """Return the unit of an indicator's value; the index has none."""
    return INDICATORS[name].unit if name in INDICATORS else "1"


def _origins(account: ConditionAccount) -> dict[tuple[str, str], str]:
    """Return the origin of every indicator and index of an account."""
    table = account.indicators
    own = dict(
        zip(zip(table["group"], table["indicator"], strict=True), table["origin"], strict=True)
    )
    return own | {(str(group), INDEX): o for group, o in account.index["origin"].items()}
