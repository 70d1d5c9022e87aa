"""Every country is in one region, and none is forgotten."""

from babel import Locale

from widgets.regions import REGIONS, countries_of, region_of
from widgets.text import is_country


def test_every_country_but_the_antarctic_is_in_a_region() -> None:
    known = [code for code in Locale.parse("en").territories if is_country(code)]

    assert [code for code in known if region_of(code) is None] == ["AQ"]


def test_each_is_in_one_region_and_all_are_countries() -> None:
    listed = [code for region in REGIONS for code in countries_of(region)]

    assert len(listed) == len(set(listed)) == 249
    assert all(map(is_country, listed))
