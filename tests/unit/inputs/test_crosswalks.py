"""The land-cover crosswalks: whole legends, codes that occur once, types that exist."""

import pytest

from gepbook import ecosystems
from gepbook.inputs.own_data import dictionary

#: How many second-level classes GB/T 21010-2017 has under each first-level class: 73 in all.
SECOND_LEVEL = {1: 3, 2: 4, 3: 7, 4: 4, 5: 7, 6: 4, 7: 2, 8: 10, 9: 6, 10: 9, 11: 10, 12: 7}
LEGENDS = {
    "clcd": range(1, 10),
    "globeland30": [*range(10, 101, 10), 255],
    "worldcover": [*range(10, 101, 10), 95],
    "igbp": range(17),
    # both levels of GB/T 21010-2017, and 物流仓储用地 of the survey's working classification
    "survey3": [
        *SECOND_LEVEL,
        *(100 * first + n for first, count in SECOND_LEVEL.items() for n in range(1, count + 1)),
        508,
    ],
}


def test_every_crosswalk_has_its_legend_here():
    assert set(LEGENDS) <= set(dictionary.crosswalks())


@pytest.mark.parametrize("name", LEGENDS)
def test_a_crosswalk_holds_its_whole_legend_once(name):
    table = dictionary.crosswalks()[name]
    assert list(table.columns) == ["name", "ecosystem_type", "reason"]
    assert sorted(int(code) for code in table.index) == sorted(LEGENDS[name])
    assert set(table["ecosystem_type"]) <= set(ecosystems.read()["id"])
    assert (table != "").all(axis=None)


def test_codes_of_the_survey_keep_their_leading_zeros():
    codes = dictionary.crosswalks()["survey3"].index
    assert {len(code) for code in codes} == {2, 4}
    assert sum(len(code) == 4 for code in codes) == 73 + 1  # 0508 of the working classification


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("clcd", "2", "mixed_forest"),
        ("clcd", "9", "marsh"),
        ("globeland30", "60", "water"),
        ("worldcover", "95", "marsh"),
        ("survey3", "0101", "paddy"),
        ("survey3", "0202", "shrub_orchard"),
        ("survey3", "0307", "open_forest"),
        ("survey3", "1108", "marsh"),
        ("survey3", "1206", "bare"),
    ],
)
def test_classes_become_the_type_that_their_name_says(name, code, kind):
    assert dictionary.crosswalks()[name].loc[code, "ecosystem_type"] == kind
