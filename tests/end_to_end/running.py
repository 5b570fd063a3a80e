"""The program as a user starts it."""

import os
import subprocess
import sys

from gepbook.paths import ROOT


def run_all(outputs, *arguments):
    """Run run_all.py with its results in a folder and return how it ended."""
    return subprocess.run(
        [sys.executable, "run_all.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "GEPBOOK_OUTPUTS": str(outputs), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
