"""Maps and figures show Chinese and mark what has no value."""

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely import box

from gepbook.publish import maps
from gepbook.publish.display import Picture, new_figure
from gepbook.publish.fonts import FILE, font_dir

COUNTY = box(0, 0, 3000, 3000)


@pytest.fixture
def boundaries():
    shapes = [box(i * 1000, 0, (i + 1) * 1000, 1000) for i in range(4)]
    return gpd.GeoDataFrame(geometry=shapes, index=["a", "b", "c", "d"], crs=3857)


def raster(values):
    centres = np.arange(3) * 1000.0 + 500
    return xr.DataArray(
        np.array(values, float), dims=("y", "x"), coords={"y": centres[::-1], "x": centres}
    )


def drawn(picture):
    """Return the picture's bytes; a missing glyph warns, and warnings are errors here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return picture._repr_png_()


def test_font_comes_with_the_install():
    assert (font_dir() / FILE).exists()


def test_chinese_and_minus_signs_have_glyphs():
    figure, axes = new_figure()
    axes.plot([-1, 1], label="浙江省 衢州 嵊泗 km²")
    axes.set_title("生态系统生产总值")
    axes.legend()
    assert drawn(Picture(figure)).startswith(b"\x89PNG")


def test_payers_and_payees_part_at_zero_and_arrows_follow_the_money(boundaries):
    payments = pd.DataFrame({"payer": ["a", "b"], "payee": ["c", "c"], "amount": [9.0, 1.0]})
    net = pd.Series({"a": -9.0, "b": -1.0, "c": 10.0})
    picture = maps.payment_map(boundaries, net, payments, "万元", "a")
    axes = picture.figure.axes[0]
    arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 2
    assert arrows[1].get_linewidth() > arrows[0].get_linewidth()  # drawn last: the larger payment
    handles = axes.get_legend().legend_handles
    labels = [t.get_text() for t in axes.get_legend().get_texts()]
    for handle, label in zip(handles, labels, strict=True):
        red, _, blue, _ = handle.get_facecolor()
        assert (red > blue) == label.startswith("-"), label
    assert drawn(picture)
    nobody_pays = maps.payment_map(boundaries, net.abs(), payments, "万元")
    colors = [h.get_facecolor() for h in nobody_pays.figure.axes[0].get_legend().legend_handles]
    assert all(blue > red for red, _, blue, _ in colors)


def test_counties_without_a_figure_are_hatched(boundaries):
    values = pd.Series({"a": 1.0, "b": 2.0, "c": 3.0})
    picture = maps.choropleth(boundaries, values, "万元/km²", highlight="a")
    hatched = [c for c in picture.figure.axes[0].collections if c.get_hatch()]
    assert len(hatched) == 1
    labels = [t.get_text() for t in picture.figure.axes[0].get_legend().get_texts()]
    assert "无数据" in labels
    assert drawn(picture)


def test_one_value_everywhere_still_makes_a_class(boundaries):
    values = pd.Series(7.0, index=boundaries.index)
    assert drawn(maps.choropleth(boundaries, values, "万元"))


def test_a_single_odd_cell_does_not_set_the_scale():
    values = np.full((3, 3), 5.0)
    values[0] = [4, 5, 6]
    big = raster(values)
    wide = xr.DataArray(np.tile(values, (10, 10)), dims=("y", "x"))
    wide = wide.assign_coords(y=np.arange(30)[::-1] * 1000.0, x=np.arange(30) * 1000.0)
    wide[0, 0] = 1e9
    picture = maps.raster_map(wide, box(0, 0, 30000, 30000), "m3 ha-1 a-1")
    assert picture.figure.axes[0].images[0].get_clim()[1] <= 6
    assert drawn(maps.raster_map(big, COUNTY, "kWh"))


def test_class_map_names_the_types_present():
    codes = raster([[11, 11, 61], [41, np.nan, 61], [11, 11, 61]])
    picture = maps.class_map(codes, COUNTY)
    labels = [t.get_text() for t in picture.figure.axes[0].get_legend().get_texts()]
    assert labels == ["常绿阔叶林", "水田", "城镇"]
    assert drawn(picture)
