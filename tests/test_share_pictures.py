"""The pictures that are drawn for links: read as pixels."""

import io

import pytest
from PIL import Image

from widgets.share_pictures import HEIGHT, MARGIN, WIDTH, Words, drawn

PAPER, ACCENT = (255, 255, 255), (179, 38, 30)
LONG = "The members of the network call on the authorities of the northern provinces " * 4
SHORT = Words(
    "Reopen the reading room",
    "en",
    "Network of Tests",
    "network.example",
    "Joint statement",
    "Endorsed by 26 organisations",
)


def words(**changes: str) -> Words:
    return Words(**{**vars(SHORT), **changes})


def picture(shown: Words, accent: str = "b3261e") -> Image.Image:
    opened = Image.open(io.BytesIO(drawn(shown, accent)))
    assert opened.format == "PNG"
    return opened.convert("RGB")


def ink(shown: Image.Image, box: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """Where within a box something is drawn, in the picture's pixels; None where nothing is."""
    grey = Image.eval(shown.crop(box).convert("L"), lambda value: 255 - value)
    found = grey.point(lambda value: 255 if value > 24 else 0).getbbox()
    if not found:
        return None
    left, top = box[:2]
    return found[0] + left, found[1] + top, found[2] + left, found[3] + top


HEADLINE = (0, 116, WIDTH, 520)
FOOT = (0, 530, WIDTH, HEIGHT)


def test_it_has_the_size_that_previews_have_and_is_small_enough_to_send() -> None:
    assert picture(SHORT).size == (1200, 630)
    assert len(drawn(SHORT, "b3261e")) < 60_000


def test_the_rule_has_the_accent_made_readable_if_it_is_not() -> None:
    rule = picture(SHORT).getpixel((600, 4))
    assert isinstance(rule, tuple)
    assert max(abs(one - other) for one, other in zip(rule, ACCENT, strict=True)) < 8
    pale = picture(SHORT, "ffee00").getpixel((600, 4))
    assert isinstance(pale, tuple)
    assert sum(pale) < 400


@pytest.mark.parametrize(
    ("title", "lang"),
    [
        ("Now", "en"),
        ("Reopen the reading room", "en"),
        (LONG[:300], "en"),
        ("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 5, "de"),
        ("W" * 300, "en"),
        ("نطالب بإعادة فتح قاعة القراءة في بوابة النهر " * 6, "ar"),
        ("យើងអំពាវនាវឱ្យបើកបន្ទប់អានសៀវភៅនៅច្រកទន្លេឡើងវិញ" * 6, "km"),
        ("မြစ်တံခါး စာဖတ်ခန်းကို ပြန်ဖွင့်ပေးရန် ကျွန်ုပ်တို့ တောင်းဆိုသည် " * 4, "my"),
        ("Откройте читальный зал у Речных ворот", "ru"),
    ],
)
def test_a_headline_of_any_length_and_script_stays_within_its_room(title: str, lang: str) -> None:
    shown = picture(words(title=title, lang=lang))
    box = ink(shown, HEADLINE)

    assert box
    left, top, right, bottom = box
    assert left >= MARGIN - 6
    assert right <= WIDTH - MARGIN + 6
    assert top > 117
    assert bottom < 519
    assert ink(shown, (0, 20, MARGIN - 6, HEIGHT)) is None
    assert ink(shown, (WIDTH - MARGIN + 6, 20, WIDTH, HEIGHT)) is None


def test_a_short_headline_is_larger_than_a_long_one() -> None:
    def first_line(title: str) -> int:
        box = ink(picture(words(title=title)), (0, 116, WIDTH, 520))
        assert box
        return box[3] - box[1]

    assert first_line("HHH") > 70
    assert first_line("H" * 280) > first_line("HHH")  # many lines


def test_arabic_begins_at_the_right_edge_and_english_at_the_left() -> None:
    arabic = ink(picture(words(title="القاعة", lang="ar")), HEADLINE)
    english = ink(picture(words(title="Room")), HEADLINE)

    assert arabic
    assert english
    assert arabic[2] > WIDTH - MARGIN - 20
    assert arabic[0] > WIDTH / 2
    assert english[0] < MARGIN + 20


def test_a_script_without_a_font_is_the_networks_name_and_never_empty_boxes() -> None:
    generic = drawn(words(title="重新开放阅览室", lang="zh"), "b3261e")

    assert generic == drawn(words(title="表达自由", lang="zh"), "b3261e")
    assert generic != drawn(SHORT, "b3261e")
    assert ink(picture(words(title="重新开放阅览室", lang="zh")), HEADLINE)
    # and where the network's name can't be drawn either, its host
    unnamed = words(title="重新开放阅览室", lang="zh", network="读书网络")
    assert ink(picture(unnamed), HEADLINE)
    assert drawn(unnamed, "b3261e") != generic


def test_the_number_of_names_changes_the_picture_and_none_leaves_the_foot_to_the_network() -> None:
    assert drawn(SHORT, "b3261e") != drawn(words(count="Endorsed by 27 organisations"), "b3261e")
    without = ink(picture(words(count="")), FOOT)
    assert without
    assert without[2] < WIDTH / 2


def test_a_network_with_a_long_name_does_not_run_into_the_names() -> None:
    shown = picture(words(network="Network of Everybody Who Ever Read a Book " * 3))
    box = ink(shown, FOOT)

    assert box
    assert box[2] <= WIDTH - MARGIN + 6
    host = picture(words(network="network.example"))
    assert ink(shown, (600, 530, WIDTH, HEIGHT)) == ink(host, (600, 530, WIDTH, HEIGHT))


@pytest.mark.parametrize("title", ["", "\u200d", "\U0001f54a"])
def test_a_headline_of_nothing_is_the_networks_name(title: str) -> None:
    assert ink(picture(words(title=title)), HEADLINE)
