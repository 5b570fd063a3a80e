"""Maps: counties by colour, rasters of one county (地图)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch
from shapely.geometry.base import BaseGeometry

from gepbook import ecosystems
from gepbook.publish.display import Picture, new_figure
from gepbook.publish.fonts import INK, QUIET

GREENS = ("#eef4e4", "#cfe3bd", "#9dcb93", "#5fa976", "#2b7d5b", "#0d4f3f")
PAYS = ("#8c5a2b", "#c79a6b", "#ecd9bf")
RECEIVES = ("#d3e6ea", "#7fb6c4", "#2f7d94")
RED = "#b3361f"
METRES_PER_KM = 1000.0
GRADES = 5
#: Percent of cells at either end that share one colour: a few odd cells must not flatten the rest.
OUTLIERS = 5


def classes(values: pd.Series, count: int = len(GREENS)) -> np.ndarray:
    """Return class limits at quantiles, made distinct."""
    limits = np.unique(np.nanquantile(values.to_numpy(float), np.linspace(0, 1, count + 1)))
    return limits if len(limits) > 1 else np.array([limits[0], limits[0] + 1.0])


def class_colors(count: int) -> list[str]:
    """Return the colours of some classes, light to dark."""
    return _spread(GREENS, count)


def _spread(colors: Sequence[str], count: int) -> list[str]:
    """Return some colours spread evenly over a scale."""
    return [colors[int(i)] for i in np.linspace(0, len(colors) - 1, count).round()]


def choropleth(
    boundaries: gpd.GeoDataFrame, values: pd.Series, unit: str, highlight: str | None = None
) -> Picture:
    """Return a map of the counties coloured by a figure; counties without one are hatched."""
    figure, axes = new_figure(5.8, 4.8)
    frame = boundaries.join(values.rename("figure"))
    known = frame.dropna(subset="figure")
    limits = classes(known["figure"])
    colors = class_colors(len(limits) - 1)
    norm = BoundaryNorm(limits, len(colors))
    known.plot(
        column="figure",
        cmap=ListedColormap(colors),
        norm=norm,
        ax=axes,
        edgecolor="white",
        linewidth=0.4,
        aspect="equal",
    )
    lacking = frame[frame["figure"].isna()]
    if len(lacking):
        lacking.plot(
            ax=axes,
            facecolor="#f3f3f3",
            edgecolor=QUIET,
            hatch="///",
            linewidth=0.4,
            aspect="equal",
        )
    if highlight is not None:
        frame.loc[[highlight]].plot(
            ax=axes, facecolor="none", edgecolor=RED, linewidth=1.6, aspect="equal"
        )
    handles = [
        Patch(color=color, label=f"{low:,.0f} – {high:,.0f}")
        for color, low, high in zip(colors, limits[:-1], limits[1:], strict=True)
    ]
    if len(lacking):
        handles.append(Patch(facecolor="#f3f3f3", edgecolor=QUIET, hatch="///", label="无数据"))
    axes.legend(
        handles=handles,
        title=unit,
        loc="lower right",
        bbox_to_anchor=(1.0, 0.1),  # above the scale bar, over the sea
        fontsize=7,
        title_fontsize=8,
    )
    axes.set_axis_off()
    _scale_bar(axes, 50.0)
    return Picture(figure)


def payment_map(
    boundaries: gpd.GeoDataFrame,
    net: pd.Series,
    payments: pd.DataFrame,
    unit: str,
    highlight: str | None = None,
) -> Picture:
    """Return a map of net positions with arrows from payers to payees.

    Parameters
    ----------
    boundaries : GeoDataFrame indexed by county code
    net : Series by county code
        Blue receives, brown pays.
    payments : DataFrame, columns `payer`, `payee` (county codes), `amount`
        Thicker arrows are larger amounts.
    unit : str
        Of both.
    highlight : str, optional
        Code of a county to outline.
    """
    figure, axes = new_figure(5.8, 4.8)
    frame = boundaries.join(net.rename("net")).fillna({"net": 0.0})
    limits = _signed_classes(frame["net"])
    below = int((limits[1:] <= 0).sum())  # classes of payers
    colors = [*_spread(PAYS, below), *_spread(RECEIVES, len(limits) - 1 - below)]
    frame.plot(
        column="net",
        cmap=ListedColormap(colors),
        norm=BoundaryNorm(limits, len(colors)),
        ax=axes,
        edgecolor="white",
        linewidth=0.4,
        aspect="equal",
    )
    if highlight is not None:
        frame.loc[[highlight]].plot(
            ax=axes, facecolor="none", edgecolor=RED, linewidth=1.4, aspect="equal"
        )
    places = boundaries.geometry.representative_point()
    most = payments["amount"].max() if len(payments) else 1.0
    for row in payments.sort_values("amount").itertuples():
        start, end = places[row.payer], places[row.payee]
        axes.annotate(
            "",
            (end.x, end.y),
            xytext=(start.x, start.y),
            arrowprops={
                "arrowstyle": "-|>",
                "color": INK,
                "alpha": 0.75,
                "linewidth": 0.5 + 2.5 * float(np.sqrt(row.amount / most)),
                "connectionstyle": "arc3,rad=0.15",
                "shrinkA": 2,
                "shrinkB": 2,
            },
        )
    handles = [
        Patch(color=color, label=f"{low:,.0f} – {high:,.0f}")
        for color, low, high in zip(colors, limits[:-1], limits[1:], strict=True)
    ]
    axes.legend(
        handles=handles,
        title=f"净收入 {unit}",
        loc="lower right",
        bbox_to_anchor=(1.0, 0.1),
        fontsize=7,
        title_fontsize=8,
    )
    axes.set_axis_off()
    _scale_bar(axes, 50.0)
    return Picture(figure)


def _signed_classes(values: pd.Series) -> np.ndarray:
    """Return class limits that part payers from payees: quantiles on either side of 0."""
    parts = [values[values < 0], values[values > 0]]
    limits = [np.nanquantile(part, [0, 1 / 3, 2 / 3, 1]) for part in parts if len(part)]
    found = np.unique(np.concatenate([[0.0], *limits]))
    return found if len(found) > 1 else np.array([0.0, 1.0])


def class_map(land_cover: xr.DataArray, geometry: BaseGeometry) -> Picture:
    """Return a map of the ecosystem types of a county."""
    types = ecosystems.read()
    codes = land_cover.to_numpy()
    present = types[types["code"].isin(np.unique(codes[~np.isnan(codes)]))]
    places = np.full(256, np.nan)
    places[present["code"]] = np.arange(len(present))
    image = np.where(np.isnan(codes), np.nan, places[np.nan_to_num(codes).astype(int)])
    figure, axes = new_figure(5.8, 3.7)
    axes.imshow(
        image,
        cmap=ListedColormap(list(present["color"])),
        vmin=-0.5,
        vmax=len(present) - 0.5,
        extent=_extent(land_cover),
        interpolation="nearest",
    )
    handles = [
        Patch(color=c, label=n) for c, n in zip(present["color"], present["name_zh"], strict=True)
    ]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    _frame(axes, geometry)
    return Picture(figure)


def raster_map(raster: xr.DataArray, geometry: BaseGeometry, unit: str) -> Picture:
    """Return a map of a figure per hectare in a county; its extremes share the end colours."""
    figure, axes = new_figure(5.8, 3.7)
    values = raster.to_numpy()
    low, high = np.nanpercentile(values, [OUTLIERS, 100 - OUTLIERS])
    shown = axes.imshow(
        values,
        cmap=ListedColormap(GREENS),
        vmin=low,
        vmax=high if high > low else low + 1,
        extent=_extent(raster),
        interpolation="nearest",
    )
    figure.colorbar(shown, ax=axes, label=unit, shrink=0.8, extend="both")
    _frame(axes, geometry)
    return Picture(figure)


def grade_map(grades: xr.DataArray, geometry: BaseGeometry) -> Picture:
    """Return a map of grades 1 to 5, the best darkest."""
    figure, axes = new_figure(5.8, 3.7)
    colors = class_colors(GRADES)[::-1]
    axes.imshow(
        grades.to_numpy(),
        cmap=ListedColormap(colors),
        vmin=0.5,
        vmax=GRADES + 0.5,
        extent=_extent(grades),
        interpolation="nearest",
    )
    present = np.unique(grades.to_numpy()[np.isfinite(grades.to_numpy())]).astype(int)
    handles = [Patch(color=colors[g - 1], label=f"{g} 等") for g in present]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    _frame(axes, geometry)
    return Picture(figure)


def parts_map(parts: Mapping[str, tuple[gpd.GeoSeries, str]], geometry: BaseGeometry) -> Picture:
    """Return a map of named polygons in their colours, later ones above earlier ones."""
    figure, axes = new_figure(5.8, 3.7)
    handles = []
    for label, (shapes, color) in parts.items():
        if len(shapes):
            gpd.GeoSeries(shapes.to_numpy()).plot(
                ax=axes, color=color, edgecolor="white", linewidth=0.4, aspect="equal"
            )
            handles.append(Patch(color=color, label=label))
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    _outline(axes, geometry)
    return Picture(figure)


def _extent(raster: xr.DataArray) -> tuple[float, float, float, float]:
    """Return the outer edges of a raster as left, right, bottom, top."""
    x, y = raster["x"].to_numpy(), raster["y"].to_numpy()
    half = abs(x[1] - x[0]) / 2
    return x[0] - half, x[-1] + half, y[-1] - half, y[0] + half


def _frame(axes: object, geometry: BaseGeometry) -> None:
    """Cover what lies outside the county, draw its border and a scale bar."""
    left, bottom, right, top = geometry.bounds
    margin = 0.04 * max(right - left, top - bottom)
    box = geometry.envelope.buffer(5 * margin, join_style="mitre")
    gpd.GeoSeries([box.difference(geometry)]).plot(ax=axes, color="white")
    _outline(axes, geometry)


def _outline(axes: object, geometry: BaseGeometry) -> None:
    """Draw a county's border and a scale bar around what was drawn."""
    left, bottom, right, top = geometry.bounds
    margin = 0.04 * max(right - left, top - bottom)
    gpd.GeoSeries([geometry.boundary]).plot(ax=axes, color=INK, linewidth=0.9)
    axes.set_xlim(left - margin, right + margin)  # type: ignore[attr-defined]
    axes.set_ylim(bottom - margin, top + margin)  # type: ignore[attr-defined]
    axes.set_axis_off()  # type: ignore[attr-defined]
    _scale_bar(axes, 10.0)


def _scale_bar(axes: object, length_km: float) -> None:
    """Draw a scale bar at the lower right."""
    left, right = axes.get_xlim()  # type: ignore[attr-defined]
    bottom, top = axes.get_ylim()  # type: ignore[attr-defined]
    x = right - 0.03 * (right - left)
    y = bottom + 0.03 * (top - bottom)
    axes.plot([x - length_km * METRES_PER_KM, x], [y, y], color=INK, linewidth=2)  # type: ignore[attr-defined]
    axes.annotate(  # type: ignore[attr-defined]
        f"{length_km:g} km",
        (x, y),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7,
    )
