"""The fixtures of the publishing tests."""

import pytest
from fake_release import GEP, put

from gepbook.stages import STAGES


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "发布 one"
    for stage in STAGES.values():
        for county_code in GEP if stage.scope == "county" else [None]:
            put(folder, stage.name, county_code)
    return folder
