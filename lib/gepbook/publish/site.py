"""The index of a release: headline, map, list of all counties, downloads (站点首页).

It works from file:// and without a network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import jinja2
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from gepbook import counties, ledger, provenance
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.inputs.pack import Pack
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import fonts, maps, merge, render
from gepbook.publish.builtin import THEME
from gepbook.publish.display import MISSING, WAN, percent, yi
from gepbook.run import LEDGER_FILE, stage_dir

TOLERANCE_M = 400.0
MAP_UNIT_M = 100.0
SMALLEST_ISLAND_M2 = 2e5
NO_RESULT = "url(#none)"
#: Titles of the workbooks beside the bulletin.
BOOK_TITLES = {
    "compensation": "补偿收付流水与各方案明细 All compensation payments (XLSX)",
    "assessment": "各县成绩单与各专题明细 All scorecards and their evidence (XLSX)",
}
COLUMNS = (
    ("县（市、区） County", "text"),
    ("代码", "text"),
    ("设区市", "text"),
    ("GEP 亿元", "number"),
    ("万元/km²", "number"),
    ("增长", "number"),
    ("GDP 亿元", "number"),
    ("性质", "plain"),
    ("报告 Report", "plain"),
)
#: Figure of a county → account, item, measure, price basis in the ledger.
FIGURES = {
    "gep_cny": ("gep", "gep", "value", "current"),
    "gep_growth": ("gep", "gep", "growth", "comparable"),
    "gdp_cny": ("statistics", "gdp", "value", "current"),
    "land_area_km2": ("statistics", "land_area", "value", ""),
}


@dataclass(frozen=True)
class Outline:
    """The map of the counties as SVG paths by county code."""

    width: int
    height: int
    paths: dict[str, str]


def write_site(release_dir: Path, pack: Pack) -> Path:
    """Write the index of a release, one page per year, and its downloads; return the first page.

    `index.html` shows the latest year with results, `index-<year>.html` the others. Counties without a
    result are listed with the reason.
    """
    site = render.site_dir(release_dir)
    (site / "data").mkdir(parents=True, exist_ok=True)
    render.provide_font(release_dir)
    rows = ledger.query(release_dir)
    years = sorted(int(y) for y in rows["year"].unique()) or [pack.years[-1]]
    pages = {year: f"index-{year}.html" for year in years} | {years[-1]: "index.html"}
    shapes = outline(pack.boundaries)
    for year in years:
        page = _page(release_dir, year, rows[rows["year"] == year], pages, shapes)
        _write(site / pages[year], page.encode())
    return site / "index.html"


def county_figures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of the list by county code, NaN where a county has none; and their origin."""
    frame = counties.read()[["name_zh", "name_en", "prefecture"]].copy()
    for column, (account, item, measure, basis) in FIGURES.items():
        found = rows[
            (rows["account"] == account)
            & (rows["item"] == item)
            & (rows["measure"] == measure)
            & (rows["price_basis"] == basis)
        ].set_index("county_code")
        frame[column] = found["value"]
        if column == "gep_cny":
            frame["gep_origin"] = found["origin"]
    frame["gep_per_km2_cny"] = frame["gep_cny"] / frame["land_area_km2"]
    return frame


def outline(boundaries: gpd.GeoDataFrame) -> Outline:
    """Return the counties as SVG paths, simplified together so that neighbours still touch."""
    shapes = shapely.coverage_simplify(boundaries.geometry.to_numpy(), TOLERANCE_M)
    left, bottom, right, top = boundaries.total_bounds
    paths = {
        str(code): "".join(
            _path(ring, left, top)
            for part in _parts(shape)
            for ring in (part.exterior, *part.interiors)
        )
        for code, shape in zip(boundaries.index, shapes, strict=True)
    }
    width, height = (right - left) / MAP_UNIT_M, (top - bottom) / MAP_UNIT_M
    return Outline(int(np.ceil(width)), int(np.ceil(height)), paths)


def _parts(shape: BaseGeometry) -> list[shapely.Polygon]:
    """Return the polygons of a county, the largest and all that show on the map."""
    parts = sorted(shapely.get_parts(shape), key=lambda part: part.area, reverse=True)
    return [part for i, part in enumerate(parts) if i == 0 or part.area > SMALLEST_ISLAND_M2]


def _path(ring: shapely.LinearRing, left: float, top: float) -> str:
    """Return a ring as SVG path in whole map units, relative to its first point."""
    points = np.asarray(ring.coords)[:-1, :2]
    points = np.column_stack([points[:, 0] - left, top - points[:, 1]]) / MAP_UNIT_M
    whole = points.round().astype(int)
    steps = " ".join(f"{x},{y}" for x, y in np.diff(whole, axis=0))
    return f"M{whole[0][0]},{whole[0][1]}l{steps}z"


def _page(
    release_dir: Path, year: int, rows: pd.DataFrame, pages: dict[int, str], shapes: Outline
) -> str:
    """Return the index of one year and write its downloads."""
    figures = county_figures(rows)
    density = figures["gep_per_km2_cny"] / WAN
    limits = maps.classes(density.dropna()) if density.notna().any() else np.array([0.0, 1.0])
    colors = maps.class_colors(len(limits) - 1)
    bulletin = {
        form.upper(): path.name
        for form in render.FORMATS
        if (path := render.bulletin_path(release_dir, year, form)).exists()
    }
    return _template().render(
        year=year,
        years=pages,
        release=release_dir.name,
        kicker=merge.KICKER,
        font=f"fonts/{fonts.FILE}",
        css=_theme("report.css") + _theme("index.css"),
        script=_theme("index.js"),
        origins=ORIGIN_ZH,
        columns=COLUMNS,
        headline=_headline(release_dir, year),
        partial=_partial(figures),
        total=len(rows),
        illustrative=int((rows["origin"] == "illustrative").sum()),
        bulletin=bulletin,
        map=shapes,
        legend=[
            (color, f"{low:,.0f} – {high:,.0f}")
            for color, low, high in zip(colors, limits[:-1], limits[1:], strict=True)
        ]
        if density.notna().any()
        else [],
        rows=[
            _row(release_dir, year, str(code), county, _fill(density[code], limits, colors))
            for code, county in figures.iterrows()
        ],
        downloads=_downloads(release_dir, year, rows, figures),
        version=provenance.packages()["gepbook"],
    )


def _row(release_dir: Path, year: int, code: str, county: pd.Series, fill: str) -> dict[str, Any]:
    """Return one county of the list: names, numbers to show and to sort by, links, status."""
    shown = {
        "gep_cny": yi,
        "gep_per_km2_cny": lambda value: f"{value / WAN:,.0f}",
        "gep_growth": percent,
        "gdp_cny": yi,
    }
    numbers = [
        ("", MISSING) if pd.isna(county[name]) else (repr(float(county[name])), form(county[name]))
        for name, form in shown.items()
    ]
    reports = {
        form.removesuffix(".xlsx").upper(): f"{path.parent.name}/{path.name}"
        for form in (*render.FORMATS, "seea.xlsx")
        if (path := render.county_path(release_dir, code, year, form)).exists()
    }
    words = (county["name_zh"], county["name_en"], code, county["prefecture"])
    return {
        "code": code,
        "name_zh": county["name_zh"],
        "name_en": county["name_en"],
        "prefecture": county["prefecture"],
        "find": " ".join(words).lower(),
        "numbers": numbers,
        "per_km2": numbers[1][1],
        "origin": "" if pd.isna(county["gep_origin"]) else county["gep_origin"],
        "reports": reports,
        "status": _status(
            release_dir, year, code, bool(reports), bool(pd.notna(county["gep_cny"]))
        ),
        "fill": fill,
    }


def _status(release_dir: Path, year: int, code: str, report: bool, result: bool) -> str:
    """Return what is to be said of a county beside its links; nothing when all is well."""
    failed = sorted(p.name for p in release_dir.glob(f"failed/{code}/{year}/*") if p.is_dir())
    if failed:
        return f"上次运行失败 failed: {', '.join(failed)}"
    if report:
        return ""
    return "只有台账 ledger only" if result else "未运行 not run"


def _fill(density: float, limits: np.ndarray, colors: list[str]) -> str:
    """Return the colour of a county on the map."""
    if pd.isna(density):
        return NO_RESULT
    return colors[min(int(np.searchsorted(limits, density, "right")) - 1, len(colors) - 1)]


def _headline(release_dir: Path, year: int) -> list[tuple[str, str, str]]:
    """Return GEP and its categories of the province with their origin; none without a bulletin."""
    path = stage_dir(release_dir, "bulletin", None, year) / LEDGER_FILE
    if not path.exists():
        return []
    rows = ledger.read(path)
    gep = rows[
        (rows["account"] == "gep")
        & (rows["measure"] == "value")
        & (rows["price_basis"] == "current")
    ].set_index("item")
    names = {"gep": "GEP", **CATEGORY_ZH}
    return [
        (names[item], yi(gep.loc[item, "value"]), str(gep.loc[item, "origin"]))
        for item in names
        if item in gep.index
    ]


def _partial(figures: pd.DataFrame) -> str:
    """Return how many counties have a result when some have none."""
    received = int(figures["gep_cny"].notna().sum())
    if received == len(figures):
        return ""
    return (
        f"{len(figures)} 个县（市、区）中 {received} 个有结果；"
        "合计数（如有）只含已有结果的县，不得作为全省数引用。"
        f" {received} of {len(figures)} counties have results."
    )


def _downloads(
    release_dir: Path, year: int, rows: pd.DataFrame, figures: pd.DataFrame
) -> dict[str, str]:
    """Write the data of a year and return the links to them."""
    folder = render.site_dir(release_dir) / "data"
    table = figures.reset_index()
    _write(folder / f"counties-{year}.csv", table.to_csv(index=False).encode("utf-8-sig"))
    _write(folder / f"ledger-{year}.csv", rows.to_csv(index=False).encode("utf-8-sig"))
    _write(folder / f"ledger-{year}.parquet", rows.to_parquet(index=False))
    links = {}
    if (seea := render.bulletin_path(release_dir, year, "seea.xlsx")).exists():
        links["全省 SEEA 核算表 SEEA tables of the province (XLSX)"] = seea.name
    for name, title in BOOK_TITLES.items():
        if (book := render.bulletin_path(release_dir, year, f"{name}.xlsx")).exists():
            links[title] = book.name
    form = Path("forms") / str(year) / "province.xlsx"
    if (release_dir / form).exists():
        links["省市县统计报表 Statistical forms (XLSX)"] = f"../{form.as_posix()}"
    for report in sorted(release_dir.glob(f"units/*/{year}/*.html")):
        name = report.parents[1].name
        path = report.relative_to(release_dir).as_posix()
        links[f"特定地域单元 Specific unit: {name}"] = f"../{path}"
    return links | {
        "各县主要结果 Main results by county (CSV)": f"data/counties-{year}.csv",
        f"全部台账 Whole ledger, {len(rows):,} rows (CSV)": f"data/ledger-{year}.csv",
        "全部台账 Whole ledger (Parquet)": f"data/ledger-{year}.parquet",
    }


def _template() -> jinja2.Template:
    """Return the template of the index."""
    loader = jinja2.FileSystemLoader(THEME)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("index.html")


def _theme(name: str) -> str:
    """Return a file of the theme."""
    return (THEME / name).read_text(encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)
