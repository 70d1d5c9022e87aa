"""Text that comes in: cleaned, folded, and turned from Markdown into HTML that can do no harm."""

import re
import unicodedata
from datetime import date

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from widgets.text import (
    blocks,
    clean,
    clean_lines,
    direction,
    doubts,
    fold,
    has_hidden,
    has_substance,
    is_country,
    lede,
    long_date,
    plain,
    unquoted,
)
from widgets.wording import LANG

OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ALLOWED: dict[str, set[str]] = {
    **{tag: set() for tag in ("p", "blockquote", "em", "strong", "ul", "li", "h2", "h3", "h4")},
    **{tag: set() for tag in ("hr", "br", "code", "pre")},
    "a": {"href", "rel", "target", "title"},
    "ol": {"start"},
}
PIECES = [
    "[x](", "![x](", ")", "[r]: ", "[x][r]", "<", ">", "](<", "\n", "\n\n", "\t", "\r", "    ",
    "javascript:", "JaVaScRiPt:", "java\tscript:", "java&#10;script:", "&#106;avascript:",
    "javascript&colon;", "java%73cript:", "data:text/html,", "data:image/svg+xml,", "vbscript:",
    "https://a.example/", "mailto:a@b.example", "//a.example", "alert(1)", '"', "'", " onclick=x ",
    "<script>", "</script>", "<img src=x onerror=x>", "<svg/onload=x>", "<!--", "-->", "<![CDATA[",
    "</p>", "<a href=javascript:x>", "<style>", "<iframe srcdoc=x>", "&lt;script&gt;", "`", "```",
    "* ", "1. ", "> ", "# ", "**", "_", "\\", "&", "&amp;", "\0", "\x01", "\u202e", "\u200d", "=",
]  # fmt: skip


def html(markdown: str, *, new_tab: bool = False) -> str:
    return "".join(block.html for block in blocks(markdown, new_tab=new_tab))


def elements(markup: str) -> list[tuple[str, dict[str, str]]]:
    """What a browser makes of it: every element with its attributes."""
    tree = html5lib.parseFragment(markup, namespaceHTMLElements=False)
    return [(str(one.tag), dict(one.attrib)) for one in list(tree.iter())[1:]]


def addresses(markdown: str) -> list[str]:
    return [found["href"] for tag, found in elements(html(markdown)) if "href" in found]


def scheme(address: str) -> str:
    """The scheme that a browser reads in it (WHATWG URL): spaces before it and tabs and line
    ends within do not count. Empty for an address relative to the page."""
    bare = re.sub(r"[\t\n\r]", "", address.lstrip("".join(map(chr, range(33)))))
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", bare)
    return found[1].lower() if found else ""


# Cleaning


def test_one_line_is_made_of_many_and_of_all_white_space() -> None:
    assert clean("  Union\n of\t Writers\u00a0\u2003and\r\nReaders\u2029") == (
        "Union of Writers and Readers"
    )


def test_lines_are_kept_where_lines_are_meant() -> None:
    assert clean_lines("one\r\ntwo\rthree\u2028four\u2029five\tsix") == (
        "one\ntwo\nthree\nfour\n\nfive    six"
    )


@pytest.mark.parametrize("hidden", [*OVERRIDES, "\0", "\x07", "\x1b", "\x7f", "\x9f", "\ufeff"])
def test_a_character_that_hides_or_turns_is_taken_out_and_told(hidden: str) -> None:
    assert clean(f"Union{hidden} of Writers") == "Union of Writers"
    assert has_hidden(f"Union{hidden} of Writers")


def test_invisible_tags_and_lone_surrogates_are_taken_out() -> None:
    assert clean("Union\U000e0041\U000e007f\ud800\udfff") == "Union"


def test_white_space_alone_is_nothing_hidden() -> None:
    assert not has_hidden("  Union\t of\n Writers\u00a0")


@pytest.mark.parametrize(
    "name",
    [
        "Trung tâm Nghiên cứu Quyền được biết",
        "سازمان\u200cهای آزادی بیان",  # Persian, with a zero-width non-joiner
        "ក្រុម\u200bស្ត្រី",  # Khmer, with a zero-width space between words
        "अभिव्यक्ति की स्वतंत्रता",
        "מרכז \u200fABC",  # a right-to-left mark
        "བོད་ཀྱི་",
        "가나다 협회 👩🏽\u200d⚖️",
    ],
)
def test_a_name_in_any_script_stays_as_it_is_written(name: str) -> None:
    assert clean(name) == name
    assert not has_hidden(name)


def test_text_is_composed_so_that_alike_is_alike() -> None:
    assert clean("Fundacio\u0301n") == "Fundación"
    assert not has_hidden("Fundacio\u0301n")


def test_a_tower_of_accents_keeps_four() -> None:
    assert clean("q" + "\u0300\u0301" * 40 + "ueen") == "q\u0300\u0301\u0300\u0301ueen"
    assert has_hidden("q" + "\u0300" * 5)


@given(st.text(st.characters(), max_size=60) | st.lists(st.sampled_from(PIECES)).map("".join))
@example("e\u202e\u0301")
@example("a" + "\u0301" * 3 + "\u202e" + "\u0301" * 3)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean_lines(clean_lines(text)) == clean_lines(text)


@given(st.text(st.characters(), max_size=60))
@example(OVERRIDES + "\0\x1b\x85\ud800\ufeff")
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_control_and_no_override_is_left(text: str) -> None:
    left = set(clean(text))
    assert not left & set(OVERRIDES)
    assert {unicodedata.category(character) for character in left}.isdisjoint({"Cc", "Cs"})


@pytest.mark.parametrize("seen", ["A", "7", "読", "€", "👍", "ក", "‘x’"])
def test_a_name_has_something_to_see(seen: str) -> None:
    assert has_substance(seen)


@pytest.mark.parametrize("unseen", ["", " ", "\u200b\u200e", "\u2060", "\xad", "\u0301", "-", "…"])
def test_nothing_to_see_is_no_name(unseen: str) -> None:
    assert not has_substance(unseen)


@pytest.mark.parametrize("filler", ["\u3164", "\uffa0", "\u115f", "\u2800", "\u180e", "\u2060"])
def test_a_letter_that_looks_like_nothing_is_taken_out(filler: str) -> None:
    assert clean(f"Un{filler}ion") == "Union"


# Search, quotation marks, countries, languages


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Fundación", "FUNDACION"),
        ("Fundacio\u0301n", "fundación"),
        ("Straße", "STRASSE"),
        ("Ligue  des\tdroits ", "ligue des droits"),
        ("ＡＢＣ", "abc"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ﬁn", "FIN"),
        ("Đà Nẵng", "đa nang"),
        ("Un\u200bion\u200e\xad", "union"),
    ],
)
def test_search_knows_no_case_accent_or_width(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Đức Ørsted Łódź Þór Æsir Œuvre ħ", "duc orsted lodz thor aesir oeuvre h"),  # Latin
        ("Işık İstanbul", "isik istanbul"),  # Turkish
        ("Ёлка", "елка"),
        ("أحمد إبراهيم آمال ٱلله", "احمد ابراهيم امال الله"),
        ("جمعية على مسؤول", "جمعيه علي مسوول"),
        ("مـــركز الأُمّة", "مركز الامه"),
        ("کتاب ی ہ", "كتاب ي ه"),  # Persian and Urdu letters
        ("שלום ארץ", "שלומ ארצ"),
        ("ស្ដ្រី", "ស្ត្រី"),  # Khmer, two ways to write what looks the same
        ("ក្រុម\u200bស្ត្រី", "ក្រុមស្ត្រី"),
        ("ဉာဏ်", "ဥာဏ်"),  # Burmese, likewise
        ("٢٠١٧ ۲۰۱۷ ២០១៧ ၂၀၁၇ २०१७", "2017 2017 2017 2017 2017"),
        ("Côte d’Ivoire O´Neill", "cote d'ivoire o'neill"),
        ("Anti–Censorship « Press »", 'anti-censorship " press "'),
        ("ＦＵＬＬ　ｗｉｄｔｈ ｶﾞ", "full width ガ"),
    ],
)
def test_search_takes_letters_that_people_type_for_each_other_for_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("Łódź", "Lodz"), ("Kırık", "Kirik"), ("ة", "ه")])
def test_letters_that_people_type_for_each_other_still_make_two_names(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_search_tells_letters_apart() -> None:
    assert len({fold(word) for word in ("union", "onion", "uni on", "юнион", "اتحاد")}) == 5


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("quoted", "bare"),
    [
        ("“We object.”", "We object."),
        ("« Nous refusons. »", "Nous refusons."),
        ("„Wir widersprechen.“", "Wir widersprechen."),
        ("「反対します」", "反対します"),
        ('"We object."', "We object."),
        ("We say “no”", "We say “no”"),
        ("", ""),
    ],
)
def test_quotation_marks_around_a_text_are_left_to_the_page(quoted: str, bare: str) -> None:
    assert unquoted(quoted) == bare


@pytest.mark.parametrize("code", ["NO", "KH", "GB", "ZA", "XK"])
def test_a_country_has_two_capital_letters(code: str) -> None:
    assert is_country(code)


@pytest.mark.parametrize(
    "code", ["", "N", "no", "NOR", "UK", "QQ", "ZZ", "QO", "XA", "419", "ＮＯ"]
)
def test_what_is_no_country_is_not_taken_for_one(code: str) -> None:
    assert not is_country(code)


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("AR", "rtl"),
        ("fa-AF", "rtl"),
        ("he-IL", "rtl"),
        ("ckb", "rtl"),
        ("az-Arab", "rtl"),
        ("pa-arab-PK", "rtl"),
        ("ar-Latn", "ltr"),
        ("km", "ltr"),
    ],
)
def test_the_direction_is_that_of_the_script(lang: str, expected: str) -> None:
    assert direction(lang) == expected


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", "27 November 2017"),
        ("fr", "27 novembre 2017"),
        ("pt-BR", "27 de novembro de 2017"),
        ("zh-Hant-TW", "2017年11月27日"),
        ("qqq", "27 November 2017"),
    ],
)
def test_a_date_is_written_in_the_words_of_the_language(lang: str, expected: str) -> None:
    assert long_date(date(2017, 11, 27), lang) == expected


@given(st.from_regex(LANG, fullmatch=True).filter(lambda lang: len(lang) <= 35))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_language_tag_that_can_be_imported_has_a_date(lang: str) -> None:
    assert long_date(date(2017, 11, 27), lang)


# Markdown


def test_a_text_falls_into_its_blocks() -> None:
    found = blocks("One *word*.\n\n> Said\n> so.\n\n- a\n- b\n\n---\n\n## Head\n")
    assert [block.kind for block in found] == [
        "paragraph", "blockquote", "bullet_list", "hr", "heading",
    ]  # fmt: skip
    assert [block.text for block in found] == ["One word.", "Said so.", "a b", "", "Head"]
    assert found[0].html == "<p>One <em>word</em>.</p>\n"
    assert found[1].html == "<blockquote>\n<p>Said\nso.</p>\n</blockquote>\n"


def test_headings_begin_below_the_title_whatever_they_began_with() -> None:
    assert html("# A\n\n## B\n\n### C\n\n#### D") == (
        "<h2>A</h2>\n<h3>B</h3>\n<h4>C</h4>\n<h4>D</h4>\n"
    )
    assert html("##### A\n\n###### B") == "<h2>A</h2>\n<h3>B</h3>\n"


def test_a_list_keeps_the_number_that_it_begins_with() -> None:
    assert html("3. c\n4. d") == '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>\n'


def test_the_first_paragraph_is_the_lede_without_its_marks() -> None:
    assert lede(
        "# Head\n\n> Said.\n\nThe **first**\n[one](https://a.example) & `more`.\n\nTwo"
    ) == ("The first one & more.")
    assert lede("# Only a head") == ""


@pytest.mark.parametrize(
    "address", ["https://a.example/b?c=d", "HTTP://A.example", "mailto:a@b.ex"]
)
def test_a_link_is_kept(address: str) -> None:
    assert addresses(f"[x]({address}) [y][r] <{address}>\n\n[r]: {address}") == [address] * 3


def test_links_open_beside_a_frame_and_not_in_it() -> None:
    assert elements(html("[x](https://a.example)", new_tab=True))[1] == (
        "a",
        {"href": "https://a.example", "target": "_blank", "rel": "noopener"},
    )
    assert "target" not in html("[x](https://a.example)")


WRITTEN = {
    "plain": "{}",
    "mixed case": "{mixed}",
    "all entities": "{entities}",
    "first letter as an entity": "{entity}",
    "a named colon": "{colon}",
    "percent": "{percent}",
    "a tab within": "{tab}",
    "a tab within, as an entity": "{tab_entity}",
    "a line end within": "{line}",
    "a line end within, as an entity": "{line_entity}",
    "a control before": "\x01{}",
    "an entity of a control before": "&#1;{}",
    "a space before": "&#32;{}",
    "an override before": "\u202e{}",
    "a backslash": "{backslash}",
}
FORMS = [
    "[x]({})", "[x](<{}>)", "[x]({} 'title')", "[x][r]\n\n[r]: {}", "[x][r]\n\n[r]: <{}>", "[r]\n\n"
    "[r]: {}", "<{}>", "![x]({})", "![x][r]\n\n[r]: {}", "[![x]({})]({})", "# [x]({})", "> [x]({})",
    "- [x]({})", "*[x]({})*", "<a href='{}'>x</a>", "<a\nhref={}>x</a>",
]  # fmt: skip


def disguised(address: str, how: str) -> str:
    name, rest = address.split(":", 1)
    return WRITTEN[how].format(
        address,
        mixed=f"{name.title().swapcase()}:{rest}",
        entities="".join(f"&#x{ord(c):x};" for c in name) + f"&#58;{rest}",
        entity=f"&#{ord(name[0])};{address[1:]}",
        colon=f"{name}&colon;{rest}",
        percent=f"%{ord(name[0]):02x}{address[1:]}",
        tab=f"{name[:2]}\t{address[2:]}",
        tab_entity=f"{name[:2]}&Tab;{address[2:]}",
        line=f"{name[:2]}\n{address[2:]}",
        line_entity=f"{name[:2]}&NewLine;{address[2:]}",
        backslash=f"{name[:2]}\\{address[2:]}",
    )


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "vbscript:msgbox(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "file:///etc/passwd",
        "blob:https://a.example/1",
    ],
)
def test_a_link_that_could_act_is_not_made(address: str, how: str) -> None:
    for form in FORMS:
        found = addresses(form.replace("{}", disguised(address, how)))
        assert {scheme(one) for one in found} <= {"", "http", "https", "mailto"}, form


@pytest.mark.parametrize(
    "address", ["other", "/statements/other", "//a.example/x", "?lang=fr", "#a"]
)
def test_a_link_without_a_scheme_loses_its_address(address: str) -> None:
    """In a frame it would lead elsewhere than on the page."""
    assert addresses(f"[x]({address})") == []


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "<ScRiPt src=//a.example></sCrIpT>",
        "<img src=x onerror=alert(1)>",
        "<p onclick=alert(1)>x</p>",
        "<svg/onload=alert(1)>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<style>*{display:none}</style>",
        "<base href=//a.example>",
        "<form action=//a.example><input></form>",
        "<!-- <script>alert(1)</script> -->",
        "<?php x ?>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "</p></div></body><script>alert(1)</script>",
    ],
)
@pytest.mark.parametrize("around", ["{}", "Text {} text", "> {}", "- {}", "# {}", "*{}*"])
def test_html_is_shown_as_text(markup: str, around: str) -> None:
    (block,) = blocks(around.format(markup))
    assert {tag for tag, _ in elements(block.html)} <= {"p", "blockquote", "ul", "li", "h2", "em"}
    assert all(attributes == {} for _, attributes in elements(block.html))
    assert re.sub(r"<[^>]+>", "", block.html).count("<") == 0


def test_html_reads_as_it_was_typed() -> None:
    assert html("a <b onclick='x'>b</b>") == "<p>a &lt;b onclick='x'&gt;b&lt;/b&gt;</p>\n"
    assert blocks("a <b>b</b>")[0].text == "a <b>b</b>"


def test_code_is_shown_and_its_language_forgotten() -> None:
    assert html('```js" onclick="x\n<script>\n```') == (
        "<pre><code>&lt;script&gt;\n</code></pre>\n"
    )
    assert html("`<script>`") == "<p><code>&lt;script&gt;</code></p>\n"


def test_a_picture_is_its_alternative_text() -> None:
    assert html("![A gate](https://a.example/gate.png)") == "<p>A gate</p>\n"
    assert lede("![A gate](https://a.example/gate.png) is closed") == "A gate is closed"
    assert elements(html("![<script>x</script>](https://a.example/x.png)")) == [("p", {})]


def test_the_title_of_a_link_cannot_leave_its_quotation_marks() -> None:
    found = elements(html("[x](https://a.example '\"><script>alert(1)</script>')"))
    assert [tag for tag, _ in found] == ["p", "a"]
    assert set(found[1][1]) == {"href", "rel", "title"}


@pytest.mark.parametrize(
    "opening", [">", "> ", "- ", "1. ", "[", "![", "*", "_", "`", "<", "(", "&"]
)
def test_deep_nesting_is_borne(opening: str) -> None:
    found = elements(html(opening * 3000 + "a"))
    assert {tag for tag, _ in found} <= set(ALLOWED)
    assert len(found) < 4000


@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join),
    st.booleans(),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_whatever_comes_in_only_what_is_allowed_comes_out(markdown: str, new_tab: bool) -> None:
    for markup in (html(markdown, new_tab=new_tab), html(clean_lines(markdown), new_tab=new_tab)):
        for tag, attributes in elements(markup):
            assert tag in ALLOWED
            assert set(attributes) <= ALLOWED[tag]
            assert scheme(attributes.get("href", "")) in ("", "http", "https", "mailto")


# What a writer is told


def test_what_will_not_be_shown_as_meant_is_told_with_its_line() -> None:
    found = doubts(
        "Fine, with a [link](https://a.example).\n\n<b>Bold</b>\n\n![Gate](gate.png)\n\n"
        "[a](javascript:x) and <tel:123>\n\n[r]: data:x\n"
    )
    assert [(one.line, one.reason) for one in found] == [
        (3, "HTML is shown as text, not obeyed"),
        (5, "a picture in the text is shown as its alternative text"),
        (7, "a link that begins with javascript: is not made"),
        (7, "a link that begins with tel: is not made"),
        (9, "a link that begins with data: is not made"),
    ]


@pytest.mark.parametrize(
    "markdown",
    [
        "",
        "One *word* and 2 < 3 & 4 > 3.",
        "[x](https://a.example) <mailto:a@b.example> <a@b.example>\n\n[r]: HTTP://a.example",
        "`<b>` and\n\n```\n<b>\n```",
        "Note: this (really: this) is [sic]: fine",
    ],
)
def test_an_ordinary_text_raises_no_doubt(markdown: str) -> None:
    assert doubts(markdown) == []
