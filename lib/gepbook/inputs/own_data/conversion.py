"""Units of users' figures, converted once where data come in (单位换算), by pint."""

from __future__ import annotations

import functools
import math
import re
import tokenize
import unicodedata

import pint

from gepbook.errors import UnitError
from gepbook.inputs.own_data.dictionary import FOLDER

#: `m3`, `km2`, `ha-1`: a unit and its exponent, as the project spells units.
EXPONENT = re.compile(r"(?<=[A-Za-z])(-?\d+)")
#: Chinese numerals before a unit; 千 alone belongs to the unit, as in 千克.
NUMERALS = re.compile(r"[十百千]?[万亿]+")
NUMERAL = {"十": 1e1, "百": 1e2, "千": 1e3, "万": 1e4, "亿": 1e8}
#: What pint raises for a text that is no unit.
UNREADABLE = (
    pint.errors.PintError,
    tokenize.TokenError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    SyntaxError,
    ValueError,
    TypeError,
)
#: Characters of the longest unit; what is longer, or a tower of powers, is not evaluated at all.
LONGEST = 40
#: Units that different tables use for different things.
AMBIGUOUS = {"度": "千瓦时 (electricity) or degree (slope)"}


@functools.cache
def registry() -> pint.UnitRegistry[float]:
    """Return pint's registry with the units of params/pack/units.txt."""
    made: pint.UnitRegistry[float] = pint.UnitRegistry(
        preprocessors=[_spelled], on_redefinition="ignore"
    )
    made.load_definitions(FOLDER / "units.txt")
    return made


def _spelled(text: str) -> str:
    """Turn `t ha-1 a-1` into pint's `t*ha**-1*a**-1`."""
    text = unicodedata.normalize("NFKC", text)  # ㎡ becomes m2, full-width signs plain ones
    text = text.replace("%", "percent").replace("‰", "permille_cn")
    text = EXPONENT.sub(r"**\1", text.strip())
    return re.sub(r"\s+", "*", text)


def factor(declared: str, wanted: str) -> tuple[float, float]:
    """Return what turns figures in one unit into another: `wanted = figure * scale + offset`.

    Yearly tables leave the year out: `亿元` fits `CNY a-1`.

    Parameters
    ----------
    declared : str
        Unit of the user's figures: 万元, 亿元, 万亩, t, %, K, 0.1 mm …
    wanted : str
        Unit inside the pack.

    Raises
    ------
    UnitError
        For a unit that is not known or ambiguous, or does not measure the same.
    """
    declared, wanted = declared.strip(), wanted.strip()
    if declared in AMBIGUOUS:
        raise UnitError(f"unit {declared!r} may be {AMBIGUOUS[declared]}. Write one of these.")
    if not declared and wanted:
        raise UnitError(f"has no unit; it must be one of {wanted!r}. Declare it.")
    if len(declared) > LONGEST or "**" in declared or declared.count("^") > 1:
        raise UnitError(f"unit {declared[:LONGEST]!r} is no unit that a table is in. Correct it.")
    if declared == wanted:
        return 1.0, 0.0
    try:
        made = registry()
        scale, rest = _scale(declared)
        source, target = made.parse_units(_or_one(rest)), made.parse_units(_or_one(wanted))
        if source.dimensionality != target.dimensionality:
            target = made.parse_units(_or_one(re.sub(r"(^| )a-1$", "", wanted)))
        zero = made.Quantity(0.0, source).to(target).magnitude
        one = made.Quantity(1.0, source).to(target).magnitude
    except pint.DimensionalityError as error:
        raise UnitError(
            f"unit {declared!r} does not measure the same as {wanted!r}. Correct the unit."
        ) from error
    except UNREADABLE as error:
        raise UnitError(
            f"unit {declared!r} is not known. Write it as in params/pack/units.txt, "
            "such as 万元, 亿元, 万亩, 吨, %."
        ) from error
    found = float(one - zero) * scale, float(zero)
    if not all(map(math.isfinite, found)):
        raise UnitError(f"unit {declared!r} has no finite scale. Correct the unit.")
    return found


def _or_one(text: str) -> str:
    """Return `dimensionless` for the unit 1."""
    return "dimensionless" if text in ("", "1") else text


def _scale(text: str) -> tuple[float, str]:
    """Return the number in front of a unit (`0.1 mm`, 万 m3, 千万元) and the unit."""
    number, _, rest = text.partition(" ")
    try:
        return float(number), rest
    except ValueError:
        found = NUMERALS.match(text)
        numerals = found[0] if found else ""
        return math.prod(NUMERAL[n] for n in numerals), text[len(numerals) :].strip()
