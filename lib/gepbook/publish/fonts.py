"""Fonts that come with the Python install, so that Chinese shows everywhere (字体)."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager

FAMILY = "Noto Sans CJK SC"
FILE = "NotoSansCJKsc-Regular.otf"
INK = "#22313a"
QUIET = "#55646d"
ACCENT = "#1f6f54"
CATEGORY_COLORS = {"provisioning": "#d9a441", "regulating": "#2f8f6b", "cultural": "#4f7cac"}
#: Text and ground of the badges of origins and lights; line and ground of a notice; as in the theme.
ORIGIN_COLORS = {
    "observed": ("#14553d", "#dff1e8"),
    "modelled": ("#1f4e79", "#e2edf8"),
    "illustrative": ("#744700", "#fdebcc"),
}
LIGHT_COLORS = {
    "good": ("#14553d", "#dff1e8"),
    "watch": ("#744700", "#fdebcc"),
    "poor": ("#8a1c12", "#fbe1de"),
    "none": ("#4d5a61", "#e9edef"),
}
NOTICE_COLORS = {"warning": ("#c98a00", "#fff6e3"), "sound": (ACCENT, "#edf6f1")}


def font_dir() -> Path:
    """Return the folder of the fonts shipped by mplfonts."""
    spec = importlib.util.find_spec("mplfonts")
    assert spec is not None  # a declared dependency
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "fonts"


@functools.cache
def use_cjk() -> None:
    """Set matplotlib to the Chinese font and the house style; once per process."""
    font_manager.fontManager.addfont(font_dir() / FILE)
    mpl.rcParams.update(
        {
            "font.family": [FAMILY],
            "axes.unicode_minus": False,
            "font.size": 9,
            "axes.edgecolor": QUIET,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": QUIET,
            "ytick.color": QUIET,
            "text.color": INK,
            "legend.frameon": False,
            "figure.facecolor": "white",
        }
    )
