"""The theme is one: what Quarto reads is there, and colours agree in every format."""

import yaml

from gepbook import paths
from gepbook.publish import fonts
from gepbook.publish.builtin import THEME


def test_quarto_settings_name_files_of_the_theme():
    settings = yaml.safe_load((paths.NOTEBOOKS / "_quarto.yml").read_text(encoding="utf-8"))
    named = list(settings["filters"])
    for options in settings["format"].values():
        named += [v for v in options.values() if isinstance(v, str) and v.startswith("theme/")]
    assert len(named) == 5
    for name in named:
        assert (paths.NOTEBOOKS / name).exists(), name
    assert settings["execute"]["enabled"] is False


def test_badges_have_the_same_colours_on_screen_and_paper():
    css = (THEME / "report.css").read_text(encoding="utf-8")
    typ = (THEME / "report.typ").read_text(encoding="utf-8")
    for origin, (front, back) in fonts.ORIGIN_COLORS.items():
        assert f"--{origin}: {front}; --{origin}-soft: {back};" in css
        assert f'{origin}: (rgb("{front}"), rgb("{back}"))' in typ
    for light, (front, back) in fonts.LIGHT_COLORS.items():
        assert f"--{light}: {front}; --{light}-soft: {back};" in css
        assert f'"{light}": (rgb("{front}"), rgb("{back}"))' in typ


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_its_ground():
    badges = [*fonts.ORIGIN_COLORS.values(), *fonts.LIGHT_COLORS.values()]
    pairs = [*badges, (fonts.QUIET, "#f3f7f5"), (fonts.ACCENT, "#ffffff")]
    for front, back in pairs:
        assert (luminance(back) + 0.05) / (luminance(front) + 0.05) >= 4.5
