"""Checks of tables as read: schema, county codes, sums, years, links between tables."""

import pandas as pd
import pytest

from gepbook import counties
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.table_checks import check_keys, check_table, check_years
from gepbook.inputs.own_data.tables import TableRead, read_table

KNOWN = list(counties.read().index)
YEARS = [2019, 2020, 2021, 2022]
ECONOMY = {
    "county_code": ("county_code", ""),
    "year": ("year", ""),
    "resident_population_person": ("常住人口", "万人"),
    "gdp_cny": ("地区生产总值", "亿元"),
    "general_budget_revenue_cny": ("收入", "亿元"),
    "general_budget_expenditure_cny": ("支出", "亿元"),
}


def file_of(table, columns, path="表.csv", **more):
    named = {name: {"header": header, "unit": unit} for name, (header, unit) in columns.items()}
    return FileEntry(path=path, table=table, columns=named, encoding="utf-8", **more)


def read(folder, table, columns, rows, **more):
    file = file_of(table, columns, **more)
    lines = [[header for header, _ in columns.values()], *rows]
    text = "\n".join(",".join(map(str, line)) for line in lines)
    (folder / file.path).write_text(text, encoding="utf-8")
    result = read_table(folder, file)
    assert [p for p in result.problems if p.severity == "error"] == []
    return file, result


def economy(folder, rows, **more):
    return read(folder, "economy", ECONOMY, rows, **more)


def check(file_and_read, known=KNOWN):
    return check_table(*file_and_read, known, YEARS, limits())


def named(problems):
    return [(p.rule, p.place, p.severity) for p in problems]


def test_a_good_table_has_no_problems(tmp_path):
    rows = [["330102", 2020, 130, 2000, 100, 120], ["330105", 2020, 110, 1900, 90, 100]]
    assert check(economy(tmp_path, rows)) == []
    assert check((file_of("economy", ECONOMY), TableRead(None, pd.Series(dtype="str"), []))) == []


def test_figures_beyond_their_range_are_named_in_the_pack_s_unit(tmp_path):
    rows = [["330102", 2020, 130, -2, 100, 120]]
    (problem,) = check(economy(tmp_path, rows))
    assert named([problem]) == [("out_of_range", "line 2", "error")]
    assert problem.value == "-200000000 CNY a-1"  # −2 亿元
    assert problem.message == "column '地区生产总值' must be 0 or more CNY a-1"
    shares = {name: (name, "") for name in ("county_code", "year")} | {
        f"{p}_percent": (f"{p}_percent", "1")
        for p in ("agriculture", "forestry", "animal_husbandry", "fishery")
    }
    # 1.2 of 1 = 120 %
    rows = [["330102", 2020, 0, 1, 0.5, 1.2]]
    found = check(read(tmp_path, "imported_inputs", shares, rows))
    assert [(p.rule, p.value) for p in found] == [("out_of_range", "120 percent")]


def test_years_outside_the_declaration_are_asked_about(tmp_path):
    rows = [["330102", 2203, 130, 2000, 100, 120]]
    assert named(check(economy(tmp_path, rows))) == [("year_outside", "line 2", "warning")]


def test_duplicate_keys_name_both_rows(tmp_path):
    rows = [["330102", 2020, 130, 2000, 100, 120]] * 3
    problems = check(economy(tmp_path, rows))
    assert named(problems) == [("duplicate_key", f"line {n}", "error") for n in (3, 4)]
    assert all("line 2" in p.message and p.value == "330102 2020" for p in problems)


def test_frames_from_elsewhere_are_checked_by_type_and_word():
    file = file_of("resource_units", {}, "u.gpkg")
    frame = pd.DataFrame(
        {
            "unit_id": ["U1", "U2"], "county_code": ["330102", "330102"], "name": ["a", "b"],
            "resource": ["forest", "desert"], "owner_type": ["国有", "国有"], "owner": ["o", "o"],
            "status": ["已登簿", "已登簿"], "registered_on": ["2020-01-01", None],
            "important": [True, False], "declared_area_ha": ["1.5", "many"],
        }
    )  # fmt: skip
    rows = pd.Series(["feature 1", "feature 2"])
    problems = check((file, TableRead(frame, rows, [])))
    assert {("unknown_value", "feature 2", "error"), ("wrong_type", "feature 2", "error")} == set(
        named(problems)
    )
    lacking = check((file, TableRead(frame.drop(columns="owner").head(1), rows, [])))
    assert [(p.rule, p.message) for p in lacking if p.rule == "missing_column"] == [
        ("missing_column", "column 'owner' is missing")
    ]


@pytest.mark.parametrize(
    ("code", "rule", "severity", "said"),
    [
        ("330185", "renamed_code", "error", "330112 临安区"),
        ("330103", "renamed_code", "error", "330105 拱墅区"),
        ("330104", "split_code", "error", "330102 上城区 and 330114 钱塘区"),
        ("330100", "prefecture_code", "error", "a prefecture"),
        ("330000", "province_code", "error", "a province"),
        ("330199", "unknown_code", "error", "Did you mean"),
        ("3301", "code_length", "error", "six digits"),
        ("330102000000", "code_length", "error", "'330102'"),
        ("上城区", "code_length", "error", "330102"),
        ("330106", "county_outside", "warning", "西湖区"),
    ],
)
def test_codes_that_are_no_county_of_today(tmp_path, code, rule, severity, said):
    known = [c for c in KNOWN if c != "330106"]
    (problem,) = check(economy(tmp_path, [[code, 2020, 130, 2000, 100, 120]]), known)
    assert named([problem]) == [(rule, "line 2", severity)]
    assert said in problem.message


def test_a_merged_county_beside_the_new_one_is_to_be_added_up(tmp_path):
    rows = [["330103", 2020, 130, 2000, 100, 120], ["330105", 2020, 110, 1900, 90, 100]]
    for accept in ([], ["renamed_codes"]):
        (problem,) = check(economy(tmp_path, rows, accept=accept))
        assert named([problem]) == [("merged_code", "line 2", "error")]
        assert "Add the two" in problem.remedy
    mended = economy(tmp_path, rows[:1], accept=["renamed_codes"])
    assert check(mended) == []
    assert mended[1].frame["county_code"].tolist() == ["330105"]


def test_totals_are_compared_with_the_rows_they_are_of(tmp_path):
    rows = [
        ["330102", 2020, 130, 2000, 100, 120],
        ["330105", 2020, 110, 1900, 90, 100],
        ["330203", 2020, 100, 1000, 50, 60],
        ["330102", 2021, 1, 1, 1, 1],
        # 2000 + 1900 = 3900, told as 3910: 0.26 % off, within 0.5 %; 100 + 90 = 190, told as 200
        ["合计", 2021, 1, 1, 1, 1],
        ["330100", 2020, 240, 3910, 200, 220],
        ["合计", 2020, 340, 4900, 240, 280],
    ]
    totals = {"total_rows": ["合计", "全市"]}
    # the prefecture's row is told by its code only where its first text is a total's
    columns = ECONOMY | {"name": ("name", "")}
    named_rows = [[*row, ""] for row in rows]
    named_rows[5][6] = "全市"
    head = [header for header, _ in columns.values()]
    file = file_of("economy", ECONOMY, **totals)
    text = "\n".join(",".join(map(str, line)) for line in [head, *named_rows])
    (tmp_path / file.path).write_text(text, encoding="utf-8")
    result = read_table(tmp_path, file)
    problems = check((file, result))
    assert named(problems) == [("total", "line 7", "error")]
    assert "'收入'" in problems[0].message
    assert "its 2 rows, 1.9e+10" in problems[0].message
    accepted = file.model_copy(update={"accept": ["totals"]})
    assert named(check((accepted, result))) == [("total", "", "note")]


def test_stocks_close(tmp_path):
    names = ["opening", "natural_addition", "managed_addition", "natural_reduction",
             "managed_reduction", "closing"]  # fmt: skip
    columns = {name: (name, "") for name in ("county_code", "year", "asset", *names)}
    rows = [
        ["330102", 2020, "wetland_ha", 100, 10, 5, 3, 2, 110],  # 100 + 15 − 5 = 110
        ["330102", 2021, "wetland_ha", 110, 10, 5, 3, 2, 130],  # 120
    ]
    problems = check(read(tmp_path, "resource_stocks", columns, rows))
    assert named(problems) == [("stock_not_closed", "line 3", "error")]
    assert "120" in problems[0].message


def test_rights_end_after_they_start(tmp_path):
    names = ["right_id", "unit_id", "county_code", "kind", "holder_type", "start_date", "end_date"]
    columns = {name: (name, "") for name in names} | {"area_ha": ("area_ha", "公顷")}
    rows = [
        ["R1", "U1", "330102", "出租", "企业", "2020-01-01", "2019-12-31", 5],
        ["R2", "U1", "330102", "出租", "企业", "2020-01-01", "2030-12-31", 5],
    ]
    problems = check(read(tmp_path, "resource_rights", columns, rows))
    assert [(p.rule, p.place, p.value) for p in problems] == [
        ("end_before_start", "line 2", "2019-12-31")
    ]


# Files of one table together ----------------------------------------------------------------------


def test_a_key_in_two_files_names_the_other(tmp_path):
    row = ["330102", 2020, 130, 2000, 100, 120]
    reads = [economy(tmp_path, [row], path="a.csv"), economy(tmp_path, [row], path="b.csv")]
    (problem,) = check_years(reads, limits())
    assert (problem.file, problem.rule, problem.place) == ("b.csv", "duplicate_key", "line 2")
    assert "a.csv, line 2" in problem.message


def test_jumps_and_slips_of_unit(tmp_path):
    rows = [
        ["330102", 2019, 100, 1000, 100, 120],
        ["330102", 2020, 100, 1000, 350, 120],  # 3.5 times
        ["330102", 2021, 101, 11_000_000, 300, 0],  # 11 000 times: 万元 for 亿元; to 0
        ["330105", 2019, 100, 1000, 100, 100],
        ["330105", 2020, 100, 2900, 40, 100],  # 2.9 and 0.4 times: within a factor of 3
    ]
    problems = check_years([economy(tmp_path, rows)], limits())
    beyond, *problems = problems
    assert (beyond.rule, beyond.place) == ("gdp_per_person", "line 4")
    assert named(problems) == [
        ("unit_slip", "line 4", "error"),
        ("jump", "line 3", "warning"),
        ("jump", "line 4", "warning"),
        ("missing_county", "", "warning"),
    ]
    assert "looks like 万元 for 亿元 (about 10000 times)" in problems[0].message
    assert "not 0" in problems[2].message
    assert "2021 for 1 counties: 330105" in problems[3].message
    _, *accepted = check_years([economy(tmp_path, rows, accept=["jumps"])], limits())
    assert [(p.rule, p.severity) for p in accepted] == [
        ("missing_county", "warning"), ("jump", "note")
    ]  # fmt: skip
    assert accepted[1].message.startswith("3 ×")


def test_gdp_in_the_wrong_unit_in_every_year_of_one_county(tmp_path):
    """1000 亿元 of 1 million is 100 000 CNY a person; as 万元 in a column of 亿元 it is 1e9."""
    rows = [["331181", year, 100, 10_000_000, 100, 120] for year in (2022, 2023)]
    problems = check_years([economy(tmp_path, rows)], limits())
    assert [(p.rule, p.place, p.severity) for p in problems] == [
        ("gdp_per_person", "line 2", "error"), ("gdp_per_person", "line 3", "error")
    ]  # fmt: skip
    assert (
        "comes to 1e+09 CNY per person, it must lie between 2000 and 1e+06" in problems[0].message
    )


@pytest.mark.parametrize(
    ("factor", "rule"),
    # 10 ± 35 % is 6.5 to 13.5
    [
        (6, "jump"),
        (7, "unit_slip"),
        (13, "unit_slip"),
        (14, "jump"),
        (2.9, None),
        (1 / 10, "unit_slip"),
    ],
)
def test_a_slip_is_near_a_power_of_ten(tmp_path, factor, rule):
    rows = [["330102", 2019, 100, 300, 1, 1], ["330102", 2020, 100, 300 * factor, 1, 1]]
    assert [p.rule for p in check_years([economy(tmp_path, rows)], limits())] == [rule] * bool(rule)


def test_years_and_counties_without_rows(tmp_path):
    reads = [
        economy(tmp_path, [["330102", 2019, 1, 1, 1, 1]], path="a.csv"),
        economy(tmp_path, [["330102", 2021, 1, 1, 1, 1]], path="b.csv"),
    ]
    problems = check_years(reads, limits(), years=[2019, 2020, 2021], known=["330102", "330105"])
    assert [(p.rule, p.message) for p in problems] == [
        ("missing_county", "table economy has no rows of 2019 for 1 counties: 330105"),
        ("missing_county", "table economy has no rows of 2021 for 1 counties: 330105"),
        ("missing_year", "table economy has no rows of 2020"),
    ]
    assert check_years(reads, limits()) == []
    assert check_years([], limits()) == []


def test_rights_and_disputes_name_units_that_there_are():
    units = pd.DataFrame({"unit_id": ["U1", "U2"]})
    rights = pd.DataFrame({"unit_id": ["U1", "U3"]}, index=["a.csv, line 2", "a.csv, line 3"])
    disputes = pd.DataFrame({"unit_id": ["U1", "U2"], "other_unit_id": [None, "U9"]})
    frames = {"resource_rights": rights, "resource_disputes": disputes}
    assert check_keys(frames) == []
    problems = check_keys(frames | {"resource_units": units})
    assert [(p.file, p.place, p.value) for p in problems] == [
        ("resource_rights", "a.csv, line 3", "U3"),
        ("resource_disputes", "row 1", "U9"),
    ]
