"""The unit contract of physical functions: one canonical spelling, compared exactly.

Conversion happens once, where data come in (`gepbook.inputs`); inside the formulas nothing is converted.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import xarray as xr

from gepbook.errors import UnitError

Function = TypeVar("Function", bound=Callable[..., Any])


def units_of(array: xr.DataArray) -> str | None:
    """Return the unit that an array carries in `attrs["units"]`, or None."""
    return array.attrs.get("units")


def with_units(array: xr.DataArray, units: str) -> xr.DataArray:
    """Return the array with its unit set; other attributes are dropped, the values are shared."""
    array = array.copy(deep=False)
    array.attrs = {"units": units}
    return array


def require_units(*, returns: str, **arguments: str) -> Callable[[Function], Function]:
    """Decorate a physical function with the units of its arrays (量纲约定).

    Parameters
    ----------
    returns : str
        Unit set on the result (every value of it, when the result is a dictionary of arrays).
    **arguments : str
        Unit that each named array argument must carry, spelt exactly so.

    Raises
    ------
    UnitError
        When called with an array of another unit or of none.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        unknown = set(arguments) - set(signature.parameters)
        if unknown:
            raise TypeError(f"{function.__name__}: units given for unknown {sorted(unknown)}")

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            problems = []
            for name, expected in arguments.items():
                got = units_of(bound.arguments[name])
                if got != expected:
                    shown = "no unit" if got is None else repr(got)
                    problems.append(
                        f"{function.__name__}: {name!r} must be in {expected!r}, got {shown}. "
                        "Convert it where it is read (gepbook.inputs), not here."
                    )
            if problems:
                raise UnitError(problems)
            result = function(*args, **kwargs)
            if isinstance(result, dict):
                return {key: with_units(array, returns) for key, array in result.items()}
            return with_units(result, returns)

        checked.units = {"returns": returns, **arguments}  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return decorate
