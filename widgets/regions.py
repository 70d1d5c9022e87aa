"""The regions of the world, as the United Nations' statisticians part it (UN M.49)."""

REGIONS: dict[str, str] = {
    "015": "Northern Africa",
    "011": "Western Africa",
    "017": "Middle Africa",
    "014": "Eastern Africa",
    "018": "Southern Africa",
    "021": "Northern America",
    "029": "Caribbean",
    "013": "Central America",
    "005": "South America",
    "143": "Central Asia",
    "030": "Eastern Asia",
    "034": "Southern Asia",
    "035": "South-eastern Asia",
    "145": "Western Asia",
    "154": "Northern Europe",
    "155": "Western Europe",
    "151": "Eastern Europe",
    "039": "Southern Europe",
    "053": "Australia and New Zealand",
    "054": "Melanesia",
    "057": "Micronesia",
    "061": "Polynesia",
}  # by their M.49 code

# ISO 3166. Taiwan and Kosovo, which M.49 does not list, are where Unicode's CLDR puts them.
_COUNTRIES = {
    "015": "DZ EG EH LY MA SD TN",
    "011": "BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL SN TG",
    "017": "AO CD CF CG CM GA GQ ST TD",
    "014": "BI DJ ER ET IO KE KM MG MU MW MZ RE RW SC SO SS TF TZ UG YT ZM ZW",
    "018": "BW LS NA SZ ZA",
    "021": "BM CA GL PM US",
    "029": "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI",
    "013": "BZ CR GT HN MX NI PA SV",
    "005": "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
    "143": "KG KZ TJ TM UZ",
    "030": "CN HK JP KP KR MN MO TW",
    "034": "AF BD BT IN IR LK MV NP PK",
    "035": "BN ID KH LA MM MY PH SG TH TL VN",
    "145": "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE",
    "154": "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ",
    "155": "AT BE CH DE FR LI LU MC NL",
    "151": "BG BY CZ HU MD PL RO RU SK UA",
    "039": "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA XK",
    "053": "AU CC CX HM NF NZ",
    "054": "FJ NC PG SB VU",
    "057": "FM GU KI MH MP NR PW UM",
    "061": "AS CK NU PF PN TK TO TV WF WS",
}
_REGION = {code: region for region, codes in _COUNTRIES.items() for code in codes.split()}


def region_of(country: str) -> str | None:
    """The M.49 code of the region in which a country (ISO 3166) is; None where it is in none.

    >>> REGIONS[region_of("KH")], region_of("AQ"), region_of("")
    ('South-eastern Asia', None, None)
    """
    return _REGION.get(country)


def countries_of(region: str) -> list[str]:
    """The countries (ISO 3166) of a region, by its M.49 code; none where there is no such region.

    >>> countries_of("143")
    ['KG', 'KZ', 'TJ', 'TM', 'UZ']
    """
    return _COUNTRIES.get(region, "").split()
