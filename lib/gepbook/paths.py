"""Where the project keeps its files; the one place that knows the top-level layout."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(os.environ.get("GEPBOOK_HOME", Path(__file__).parents[2]))
NOTEBOOKS = ROOT / "notebooks"
PARAMS = ROOT / "params"
OUTPUTS = Path(os.environ.get("GEPBOOK_OUTPUTS", ROOT / "outputs"))
OPEN_PACK = Path(__file__).parent / "inputs" / "open_pack"
