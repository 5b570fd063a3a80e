"""The ecosystem types of the workbook (生态系统类型)."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from gepbook import paths
from gepbook.errors import ParameterError


@functools.cache
def read() -> pd.DataFrame:
    """Return the types in the order of their codes: code, id, names, group, colour."""
    return pd.read_csv(
        paths.PARAMS / "ecosystem_types.csv", dtype={"code": "int64"}, encoding="utf-8"
    ).sort_values("code", ignore_index=True)


def check_codes(codes: np.ndarray) -> None:
    """Refuse codes that are no ecosystem types; NaN, which is missing, is left alone.

    Raises
    ------
    ParameterError
        Naming the codes.
    """
    unknown = np.setdiff1d(codes[~np.isnan(codes)], read()["code"])
    if len(unknown):
        raise ParameterError(
            f"land_cover: code {', '.join(f'{code:g}' for code in unknown)} is no ecosystem type. "
            "Map the class in params/crosswalks/ or add the type to params/ecosystem_types.csv."
        )
