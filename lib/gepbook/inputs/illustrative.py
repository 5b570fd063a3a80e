"""Deterministic illustrative tables around published magnitudes (示例数据).

What has no open source is spread over the counties by area, land cover and a number drawn from the
county's code, so that prefectures and province add up to the published magnitudes. Every table made here
is flagged `illustrative`: none of it is a county's own statistic.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from gepbook.counties import group

SOURCES = Path(__file__).parent / "open_pack_sources"
SCALES = {"1e8": 1e8, "1e4": 1e4, "km2": 1.0, "km": 1.0}
EMISSIONS = (
    "so2_t",
    "nox_t",
    "dust_t",
    "cod_t",
    "ammonia_nitrogen_t",
    "total_nitrogen_t",
    "total_phosphorus_t",
)


def draw(code: str, what: str) -> float:
    """Return a number in [0, 1) that depends on nothing but a county and a name."""
    return int(hashlib.sha256(f"{code}/{what}".encode()).hexdigest()[:12], 16) / 16**12


def province_totals() -> pd.DataFrame:
    """Return the provincial magnitudes in base units, items × years."""
    table = pd.read_csv(SOURCES / "province.csv", index_col="item")
    scale = table["unit"].str.split().str[0].map(SCALES)
    years = [c for c in table.columns if c.isdigit()]
    return table[years].astype(float).mul(scale, axis=0).rename(columns=int)


class Generator:
    """Tables of the counties for some years.

    Parameters
    ----------
    counties : DataFrame indexed by county code, with `prefecture`
    areas : DataFrame, counties × ecosystem types, ha
    """

    def __init__(self, counties: pd.DataFrame, areas: pd.DataFrame, years: list[int]) -> None:
        self.counties = counties
        self.areas = areas
        self.years = years
        self.totals = province_totals()
        forest = areas[[c for c in areas if c.endswith("forest")]].sum(axis=1)
        self.size = areas.sum(axis=1)
        self.forest = forest
        self.forest_share = forest / self.size
        self.crop = areas[["paddy", "dry_cropland"]].sum(axis=1)
        coast = counties.index.isin(
            {*group("coastal_pilot", years[-1]), *group("island", years[-1])}
        )
        self.fishing = (areas["water"] + 0.02 * (self.size - forest)) * np.where(coast, 8.0, 1.0)
        self.people = (areas["urban"] + 0.03 * self.size) ** 0.7 * self.varied("people")

    def varied(self, what: str) -> pd.Series:
        """Return a factor between 0.7 and 1.3 for every county."""
        return pd.Series({code: 0.7 + 0.6 * draw(code, what) for code in self.counties.index})

    def spread(self, item: str, weight: pd.Series, year: int) -> pd.Series:
        """Return a provincial total spread over the counties by a weight."""
        return self.totals.loc[item, year] * weight / weight.sum()

    def by_year(self, columns: dict[str, pd.Series | dict[int, pd.Series]]) -> pd.DataFrame:
        """Return a table by county and year from columns that are fixed or given by year."""
        frames = [
            pd.DataFrame(
                {name: c[year] if isinstance(c, dict) else c for name, c in columns.items()}
            ).assign(year=year)
            for year in self.years
        ]
        table = pd.concat(frames).rename_axis("county_code").reset_index()
        return table.sort_values(["county_code", "year"], ignore_index=True)[
            ["county_code", "year", *columns]
        ]

    def spreads(self, items: dict[str, pd.Series]) -> dict[str, pd.Series | dict[int, pd.Series]]:
        """Return provincial items spread by their weights, by year."""
        return {i: {y: self.spread(i, w, y) for y in self.years} for i, w in items.items()}

    def prefecture_totals(self, year: int) -> pd.DataFrame:
        """Return what is published of each county's prefecture in a year, by county."""
        known = pd.read_csv(SOURCES / "prefectures.csv").set_index(["prefecture", "year"])
        return (
            known.xs(year, level="year")
            .loc[self.counties["prefecture"]]
            .set_axis(self.counties.index)
        )

    def residents(self) -> dict[int, pd.Series]:
        """Return resident population by year: the prefecture's, spread over its counties."""
        share = self.people / self.people.groupby(self.counties["prefecture"]).transform("sum")
        return {
            year: (self.prefecture_totals(year)["resident_population_1e4"] * 1e4 * share).round()
            for year in self.years
        }

    def economy(self) -> pd.DataFrame:
        """Return population, GDP and public budget (国民经济)."""
        prefecture = self.counties["prefecture"]
        share = self.people / self.people.groupby(prefecture).transform("sum")
        wealth = share * self.varied("wealth")
        wealth = wealth / wealth.groupby(prefecture).transform("sum")
        people = self.residents()
        gdp = {y: self.prefecture_totals(y)["gdp_cny_1e8"] * 1e8 * wealth for y in self.years}
        budget = self.spreads(
            {
                "general_budget_revenue_cny": gdp[self.years[0]],
                "general_budget_expenditure_cny": gdp[self.years[0]] ** 0.6
                * people[self.years[0]] ** 0.4,
            }
        )
        return self.by_year({"resident_population_person": people, "gdp_cny": gdp, **budget})

    def material_products(self) -> pd.DataFrame:
        """Return output value of farming, forestry, animal husbandry and fishery (农林牧渔业产值)."""
        weights = {
            "agriculture": (self.crop + 0.03 * self.size) * self.varied("agriculture"),
            "forestry": (self.forest + 0.01 * self.size) * self.varied("forestry"),
            "animal_husbandry": (self.crop + 0.1 * self.size) * self.varied("animal_husbandry"),
            "fishery": self.fishing * self.varied("fishery"),
        }
        wide = self.by_year(self.spreads(weights))
        return wide.melt(
            ["county_code", "year"], var_name="product", value_name="output_value_cny"
        ).sort_values(["county_code", "year", "product"], ignore_index=True)

    def energy(self) -> pd.DataFrame:
        """Return power from water, which plains have none of, and from biomass (生态能源)."""
        hills = (self.forest_share - 0.4).clip(lower=0) * self.size * self.varied("hydropower")
        fields = (self.crop + 0.1 * self.forest) * self.varied("biomass")
        return self.by_year(self.spreads({"hydropower_kwh": hills, "biomass_energy_kwh": fields}))

    def other_products(self) -> pd.DataFrame:
        """Return output value of ornamentals, seedlings and germplasm (其他物质产品)."""
        gardens = self.crop + 0.05 * self.size
        return self.by_year(
            self.spreads(
                {
                    "ornamental_cny": gardens * self.varied("ornamental"),
                    "germplasm_cny": gardens * self.varied("germplasm"),
                }
            )
        )

    def imported_inputs(self) -> pd.DataFrame:
        """Return the share of output that rests on feed, seed and fry from outside (外来投入)."""
        base = {"agriculture": 6.0, "forestry": 2.0, "animal_husbandry": 35.0, "fishery": 18.0}
        return self.by_year(
            {
                f"{branch}_percent": (share * self.varied(f"imported {branch}")).round(1)
                for branch, share in base.items()
            }
        )

    def water_balance(self) -> pd.DataFrame:
        """Return water that enters, leaves and is consumed (水量收支)."""
        wet = (self.forest + 0.3 * self.size) * self.varied("runoff")
        return self.by_year(
            self.spreads({"inflow_m3": wet, "outflow_m3": wet, "consumption_m3": self.people})
        )

    def forest_stock(self) -> pd.DataFrame:
        """Return forest biomass at the start and the end of the year (森林生物量)."""
        weight = self.forest * self.varied("stock") + 1.0
        return self.by_year(self.spreads({"biomass_start_t": weight, "biomass_end_t": weight}))

    def leisure(self) -> pd.DataFrame:
        """Return residents who spend time in free green places, and their hours (休闲游憩)."""
        users = {y: (0.8 * p).round() for y, p in self.residents().items()}
        hours = (60 + 60 * self.varied("leisure") - 60 * 0.7).round(1)
        return self.by_year({"users_person": users, "hours_per_user_hour": hours})

    def amenities(self) -> pd.DataFrame:
        """Return dwellings and hotel nights in view of green and water, and green belts (景观与绿带)."""
        return self.by_year(
            self.spreads(
                {
                    "landscape_floor_area_m2": self.people * self.varied("landscape"),
                    "landscape_nights_night": self.forest * self.varied("nights"),
                    "green_belt_km": self.people * self.varied("belt"),
                }
            )
        )

    def pests(self) -> pd.DataFrame:
        """Return forest and grass freed of pests without treatment (自愈面积)."""
        return self.by_year(
            self.spreads(
                {
                    "recovered_forest_ha": self.forest * self.varied("pests"),
                    "recovered_grass_ha": self.areas["grassland"] + 1.0,
                }
            )
        )

    def coast(self) -> pd.DataFrame:
        """Return sea, shore, seafood, discharge and visitors of the ten coastal pilots (海岸带)."""
        pilot = self.counties.index.isin(set(group("coastal_pilot", self.years[-1])))
        weight = self.size.where(pilot, 0.0) ** 0.5
        items = (
            "sea_area_km2", "protected_shore_km", "shellfish_algae_t", "marine_nitrogen_t",
            "marine_phosphorus_t", "seaview_floor_area_m2",
        )  # fmt: skip
        table = self.by_year(self.spreads({i: weight * self.varied(i) for i in items}))
        key = ["county_code", "year"]
        products = self.material_products()
        fishery = products[products["product"] == "fishery"].set_index(key)["output_value_cny"]
        spending = self.tourism().set_index(key)["spending_cny"]
        place = pd.MultiIndex.from_frame(table[key])
        factor = table["county_code"].map(self.varied("seaside")).to_numpy()
        table["seafood_output_cny"] = fishery[place].to_numpy() * 0.75 * factor
        table["seaside_spending_cny"] = spending[place].to_numpy() * 0.3 * factor
        return table[table["sea_area_km2"] > 0].reset_index(drop=True)

    def water_use(self) -> pd.DataFrame:
        """Return water use by kind (用水量)."""
        return self.by_year(
            self.spreads(
                {
                    "domestic_m3": self.people,
                    "industrial_m3": self.people * self.varied("industry"),
                    "agricultural_m3": self.crop + 0.02 * self.size,
                }
            )
        )

    def tourism(self) -> pd.DataFrame:
        """Return visitors, spending and the share drawn by nature (旅游统计)."""
        pull = (self.people / self.people.sum() + self.forest / self.forest.sum()) * self.varied(
            "pull"
        )
        share = (30 + 50 * self.forest_share).round(1)
        stay = (1.2 + self.forest_share).round(2)
        return self.by_year(
            {
                **self.spreads(
                    {"visitors_person": pull, "spending_cny": pull * self.varied("spend")}
                ),
                "mean_stay_day": stay,
                "natural_share_percent": share,
            }
        )

    def emissions(self) -> pd.DataFrame:
        """Return emissions to air and water (污染物排放量)."""
        weights = {item: self.people * self.varied(item) for item in EMISSIONS[:3]}
        weights |= {
            item: (self.people / self.people.sum() + self.crop / self.crop.sum())
            * self.varied(item)
            for item in EMISSIONS[3:]
        }
        return self.by_year(self.spreads(weights))

    def environment(self) -> pd.DataFrame:
        """Return whether air and water meet their functional zones, better each year (环境质量)."""
        air = self._improving("air", 84 + 14 * self.forest_share, spread=2, yearly=0.3)
        water = self._improving("water", 78 + 22 * self.forest_share, spread=6, yearly=0.5)
        return self.by_year(
            {
                "good_air_days_percent": air,
                "class_1_to_3_water_percent": water,
                "air_standard_met": {year: share >= 86 for year, share in air.items()},
                "water_standard_met": {year: share >= 84 for year, share in water.items()},
            }
        )

    def _improving(
        self, what: str, base: pd.Series, spread: float, yearly: float
    ) -> dict[int, pd.Series]:
        """Return percentages by year that rise to those of the last year, unevenly by county."""
        last = self.years[-1]
        now = base + spread * (self.varied(what) - 1)
        past = {
            year: yearly * (last - year) * (1 + 4 * (self.varied(f"{what} {year}") - 1))
            for year in self.years
        }
        return {year: (now - below).clip(upper=100).round(1) for year, below in past.items()}

    def redline(self) -> pd.DataFrame:
        """Return the land under the ecological redline (生态保护红线)."""
        weight = self.forest * (0.3 + self.forest_share) * self.varied("redline") + 0.01 * self.size
        return self.by_year(self.spreads({"redline_area_km2": weight})).assign(
            approved_change_km2=np.nan
        )

    def reservoirs(self) -> pd.DataFrame:
        """Return the large reservoirs (大型水库)."""
        table = pd.read_csv(SOURCES / "reservoirs.csv", dtype={"county_code": "str"})
        for kind in ("total_capacity", "flood_control_capacity"):
            table[f"{kind}_m3"] = table.pop(f"{kind}_1e8_m3") * 1e8
        return table.sort_values(["county_code", "reservoir"], ignore_index=True)
