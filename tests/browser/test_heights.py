"""A snippet's frame is as high as its content at every width, in Chromium and in Firefox; and a
widget in a frame that is too low shows less, in whole lines, and never scrolls."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from sqlalchemy import select

from tests.actors import CHECKOUT, Program, Reader
from tests.browser.conftest import FLAGS, TOOLS, Member, _paint, missing
from tests.browser.texts import NAMES, TEXTS
from tests.conftest import SECRET, Databases
from tests.samples import follow, open_to_the_public
from widgets import create_app, heights, publication
from widgets import settings as setting_values
from widgets.audit import COMMAND_LINE
from widgets.models import Statement
from widgets.service import Service
from widgets.statements import import_files
from widgets.web.snippets import snippet

WIDTHS = range(240, 1201, 20)
LOOSE = ("khmer", "burmese", "chinese")  # other letters' widths differ from system to system
A_LINE = 36  # px, the highest there is in running text
MOST_BLANK = 24  # px, or
MOST_BLANK_OF_HEIGHT = 0.04  # whichever is more

# Every box as high as it is by itself: what the frame's height is computed for.
NATURAL = """
html, body { height: auto !important; min-height: 0 !important } body { display: block !important }
main, .card main, .words, .ask .words, .list .words { display: block !important }
.words { max-height: none !important }
.full .words::after { display: block !important; height: 32px }
.full .picture, .full .picture picture { display: block !important }
.full .picture img { max-height: 560px !important }
.lede, .flow, .fit, .spare, .list .note { columns: auto !important }
.fit .names { height: auto !important; grid-auto-rows: auto !important }
body:not(.long) .names li { padding: 5.5px 0 !important }"""
HEIGHT = "document.body.getBoundingClientRect().height"

# What is wrong with how a widget fills its frame; see what_is_wrong.
WRONG = (Path(__file__).parent / "wrong.js").read_text()


@dataclass(frozen=True)
class Job:
    """A page at sizes (width, height), what is added to its style, and the script that looks."""

    url: str
    sizes: list[tuple[int, int]]
    script: str
    css: str = ""


Measure = Callable[[list[Job]], list[list[Any]]]


def run(browser: str, executable: str, jobs: list[Job], **environment: str) -> list[list[Any]]:
    asked = {
        "browser": browser,
        "executable": executable,
        "flags": [*FLAGS, "--hide-scrollbars"],
        "env": environment,
        "pages": [vars(job) for job in jobs],
    }
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "measure.mjs")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT / "tests",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def measure(browser_name: str) -> Measure:
    """Looks at pages in one of the browsers."""
    names = {"chromium": ("chromium", "google-chrome"), "firefox": ("firefox-esr", "firefox")}
    found = filter(None, map(shutil.which, names[browser_name]))
    executable = next(found, None) or missing(f"there is no {browser_name}")
    if not (TOOLS / "puppeteer-core").is_dir() or not shutil.which("node"):
        missing("there is no puppeteer-core: run `npm ci --prefix tests`")
    return lambda jobs: run(browser_name, executable, jobs)


@dataclass
class Served:
    """A network with a statement in each script, running."""

    url: str
    service: Service
    folder: Path

    def html(self, path: str) -> str:
        return Reader(self.url).open(path).html

    def height(self, path: str) -> heights.Height:
        return heights.of(self.html(path))

    def write(self, slug: str, text: str, names: list[str]) -> None:
        (self.folder / f"{slug}.md").write_text(text, "utf-8")
        countries = cycle(("FR", "GS", "VC", ""))  # two of them have long names
        rows = "".join(
            f'"{name}",{country}\n' for name, country in zip(names, countries, strict=False)
        )
        (self.folder / f"{slug}.signatories.csv").write_text(f"name,country\n{rows}", "utf-8")

    def publish(self, *slugs: str) -> None:
        paths = [self.folder / f"{slug}.md" for slug in slugs]
        instance, now = self.service.settings.instance_path, datetime.now(UTC)
        import_files(self.service.database, instance, paths, now)

    def notice(self, slug: str) -> str:
        with self.service.database.reading() as session:
            found = session.scalars(select(Statement).where(Statement.slug == slug)).one()
        return found.correction or ""

    def correct(self, slug: str, notice: str) -> None:
        """Tells readers of a correction; with no words, no more."""
        now = datetime.now(UTC)
        with self.service.database.writing() as session:
            found = session.scalars(select(Statement).where(Statement.slug == slug)).one()
            number, lang = found.id, found.lang
            if notice:
                publication.correct(session, number, {lang: notice}, now.date(), COMMAND_LINE, now)
            else:
                publication.uncorrect(session, number, COMMAND_LINE, now)


CORRECTION = (
    "An earlier version said that the logbook held 1,240 remarks. It holds 1,204 of them, as the "
    "clerk’s receipt says."
)


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    settings = {
        "SECRET_KEY": SECRET,
        "HASH_KEY": "another secret of the tests",
        "DATABASE_URL": databases.fresh(),
        "INSTANCE_PATH": str(folder / "instance"),
        "NETWORK_NAME": "Network of Night Ferries",
        "CONTENT_CHECK_SECONDS": "0",
    }
    app = create_app(setting_values.from_values(settings))
    program = Program(["web"], settings, folder)
    network = Served(program.url, app.extensions["undersigned"], folder)
    _paint(folder / "latin.jpg", (1800, 1200))
    for slug, text in TEXTS.items():
        network.write(slug, text, NAMES)
    many = [f"{NAMES[number % 6]} {number}" for number in range(700)]
    network.write("greek", TEXTS["greek"], many)
    network.write("corrected", TEXTS["latin"], NAMES)
    network.write("corrected-khmer", TEXTS["khmer"], NAMES)
    network.publish(*TEXTS, "corrected", "corrected-khmer")
    network.correct("corrected", CORRECTION)
    network.correct("corrected-khmer", "សៀវភៅនេះមានកំណត់សម្គាល់របស់អ្នកដំណើរ ប៉ុន្តែមិនមានឈ្មោះទេ។")
    open_to_the_public(network.service, slug="latin")
    follow(network.service, "news", posts=5)
    try:
        program.ready()
        yield network
    finally:
        program.kill()
        network.service.database.close()


CARD = "/embed/statements/{}"
FULL = "/embed/statements/{}?view=full"
LIST = "/embed/statements/{}/signatories"
FORM = "/embed/newsletters/weekly"
SIGN = "/embed/statements/latin/sign"
MEASURED = {
    **{f"{slug}, full text": FULL.format(slug) for slug in TEXTS},
    "corrected, full text": FULL.format("corrected"),
    "khmer, corrected": FULL.format("corrected-khmer"),
    "35 names": LIST.format("latin"),
    "a page of 700 names": LIST.format("greek"),
    "their countries": LIST.format("greek") + "?group=country",
    "found, by country": LIST.format("greek") + "?group=country&q=11",
    "newsletter form": FORM,
    "French form": f"{FORM}?lang=fr",
    "Russian form": f"{FORM}?lang=ru",
    "Arabic form": f"{FORM}?lang=ar",
    "khmer form": f"{FORM}?lang=km",
    "burmese form": f"{FORM}?lang=my",
    "open letter": SIGN,
    "Arabic open letter": f"{SIGN}?lang=ar",
    "khmer open letter": f"{SIGN}?lang=km",
}

LONG = ("a page of 700 names", "their countries", "found, by country")


@pytest.fixture(scope="module")
def natural(served: Served, measure: Measure) -> dict[str, list[float]]:
    """How high the browser makes each widget by itself, by its name, at each of WIDTHS."""
    # high enough that no page needs a scrollbar, which would take of its width
    sizes = [(width, 20_000) for width in WIDTHS]
    jobs = [Job(served.url + path, sizes, HEIGHT, NATURAL) for path in MEASURED.values()]
    return dict(zip(MEASURED, measure(jobs), strict=True))


@dataclass(frozen=True)
class Row:
    name: str
    equal: float
    under: float
    over: float
    worst: float


def test_the_computed_height_is_the_browsers(
    served: Served,
    natural: dict[str, list[float]],
    browser_name: str,
    record_property: Callable[[str, object], None],
) -> None:
    rows = []
    for name, measured in natural.items():
        html = served.html(MEASURED[name])
        computed = [heights.natural(html, width) for width in WIDTHS]
        off = [mine - theirs for mine, theirs in zip(computed, measured, strict=True)]
        rows.append(
            Row(
                name,
                equal=sum(abs(one) < 1 for one in off) / len(off),
                under=max(0.0, -min(off)),
                over=max(0.0, *off),
                worst=max(abs(one) / theirs for one, theirs in zip(off, measured, strict=True)),
            )
        )
    table = [
        f"\ncomputed heights beside {browser_name}’s, {len(WIDTHS)} widths from 240 px",
        f"{'':24} {'equal':>7} {'px under':>9} {'px over':>8} {'off at most':>12}",
        *(f"{r.name:24} {r.equal:7.0%} {r.under:9.0f} {r.over:8.0f} {r.worst:12.1%}" for r in rows),
    ]
    record_property("table", "\n".join(table))
    for row in rows:
        if row.name.startswith(LOOSE):
            assert row.worst <= MOST_BLANK_OF_HEIGHT or max(row.over, row.under) <= A_LINE, row
        else:
            assert row.equal >= 0.95, row
            assert row.under <= 28, row


# The same, and whether anything is left out.
WRONG_OR_MISSING = f"""(() => {{
  const found = {WRONG.rstrip().rstrip(";")};
  const inner = document.querySelector(".words .flow, .words .fit");
  if (inner && inner.scrollWidth > inner.clientWidth + 1) found.push("not all of it is shown");
  for (const one of document.querySelectorAll("h1, .words > .lede, form, footer, .picture"))
    if (!one.getClientRects().length || one.getBoundingClientRect().left >= innerWidth - 2)
      found.push(`${{one.tagName}} is left out`);
  return found;
}})()"""


def test_with_the_snippet_nothing_scrolls_or_is_missing_and_little_is_left_blank(
    served: Served, measure: Measure, natural: dict[str, list[float]]
) -> None:
    frames = {name: served.height(path) for name, path in MEASURED.items()}
    jobs = [
        Job(served.url + MEASURED[name], framed(height), WRONG_OR_MISSING)
        for name, height in frames.items()
    ]
    for (name, height), wrong in zip(frames.items(), measure(jobs), strict=True):
        assert [one for one in wrong if one] == [], name
        blanks = []
        for width, needed in zip(WIDTHS, natural[name], strict=True):
            blank = height.at(width) - needed
            limit = max(MOST_BLANK, MOST_BLANK_OF_HEIGHT * needed)
            assert blank <= limit + (A_LINE if name.startswith(LOOSE) else 1), f"{name}, {width} px"
            blanks.append(max(0, blank) / needed)
        if not name.startswith(LOOSE):
            assert mean(blanks) <= 0.02, name


def framed(height: heights.Height) -> list[tuple[int, int]]:
    """The sizes of the frames of a snippet."""
    return [(width, height.at(width)) for width in WIDTHS]


# The room that a member's page leaves for it, and what becomes of it there.
FRAME = """(() => {
  const frame = document.querySelector("iframe");
  return [frame.parentElement.clientWidth, frame.clientHeight];
})()"""


def test_the_snippets_style_gives_its_frame_the_computed_height_at_every_width(
    served: Served, measure: Measure, member: Member
) -> None:
    app = create_app(served.service.settings)
    jobs, wanted = [], []
    for number, path in enumerate([*MEASURED.values(), CARD.format("latin"), CARD.format("greek")]):
        with app.test_request_context():
            made = snippet(path, "It", "/")
            assert made is not None
            pasted = made.html()
        page = f"<style>body {{ margin: 0 }} h1 {{ display: none }}</style>{pasted}"
        address = member.publish(f"height-{number}.html", page).replace("member.test", "127.0.0.1")
        # the window is made wider and narrower again, as a phone that is turned
        widths = [*WIDTHS, 1600, 900, 600, 400, 340, 200]
        jobs.append(Job(address, [(width, 800) for width in widths], FRAME))
        wanted.append(made.height)
    for found, height in zip(measure(jobs), wanted, strict=True):
        for room, high in found:
            assert abs(high - height.at(room)) <= 1
    app.extensions["undersigned"].database.close()


def test_what_changes_after_pasting_fits_too(served: Served, measure: Measure) -> None:
    before = {path: framed(served.height(path)) for path in (CHANGING, LIST.format("latin"))}
    more = TEXTS["latin"].replace(
        "none, said the clerk, was needed.", "none, said the clerk, was needed. This was corrected."
    )
    try:
        joined = [f"One of a tenth that joined, No. {number}" for number in range(len(NAMES) // 10)]
        served.write("latin", more, NAMES + joined)
        served.publish("latin")
        jobs = [Job(served.url + path, sizes, WRONG_OR_MISSING) for path, sizes in before.items()]
        for found in measure(jobs):
            assert [one for one in found if one] == []
    finally:
        served.write("latin", TEXTS["latin"], NAMES)
        served.publish("latin")


def test_a_full_text_pasted_before_it_was_corrected_ends_with_a_whole_line(
    served: Served, measure: Measure
) -> None:
    """The notice takes the room that is left, then of the picture, then whole lines at the end."""
    for slug in ("corrected", "corrected-khmer"):
        notice = served.notice(slug)
        served.correct(slug, "")
        sizes = framed(served.height(FULL.format(slug)))
        served.correct(slug, notice)
        (found,) = measure([Job(served.url + FULL.format(slug), sizes, WRONG)])
        assert [one for one in found if one] == []


CHANGING = FULL.format("latin")


def test_a_card_keeps_its_height_whatever_statement_it_shows(
    served: Served, measure: Measure
) -> None:
    sizes = framed(heights.PICTURED_CARD)
    slugs = (*TEXTS, "corrected", "corrected-khmer")
    for found in measure([Job(served.url + CARD.format(slug), sizes, WRONG) for slug in slugs]):
        assert [one for one in found if one] == []


LEFT_AND_TOLD = """(() => {
  const shown = [...document.querySelectorAll(".names li")].filter(one => {
    const box = one.getBoundingClientRect(), fit = document.querySelector(".fit");
    return box.height && box.left < fit.getBoundingClientRect().right;
  }).length;
  const link = [...document.querySelectorAll("footer span")].find(
    one => one.getClientRects().length && one.parentElement.href);
  return [shown, link.textContent];
})()"""


def test_a_growing_list_says_how_many_names_are_left(served: Served, measure: Measure) -> None:
    path = f"{LIST.format('latin')}?view=compact"
    shown, low = measure(
        [
            Job(served.url + path, framed(heights.NAMES), LEFT_AND_TOLD),
            Job(served.url + path, [(340, 300)], LEFT_AND_TOLD),
        ]
    )
    for names, told in shown:
        left = len(NAMES) - names
        assert told == (f"and {left} more" if left else f"All {len(NAMES)} names")
    assert max(names for names, _ in shown) > min(names for names, _ in shown) >= 3
    assert low[0][1] == f"All {len(NAMES)} names"


LOW = {
    "card": CARD.format("latin"),
    "card, Greek": CARD.format("greek"),
    "card, Arabic": CARD.format("arabic"),
    "card, Khmer": CARD.format("khmer"),
    "card, corrected": CARD.format("corrected"),
    "card, Khmer, corrected": CARD.format("corrected-khmer"),
    "full text": FULL.format("latin"),
    "full text, corrected": FULL.format("corrected"),
    "names": LIST.format("latin"),
    "some names": f"{LIST.format('latin')}?view=compact",
    "latest": "/embed/statements/latest",
    "stories": "/embed/stories?like=latin",
    "posts": "/embed/posts/news",
    "form": FORM,
}


def test_a_frame_that_is_too_low_shows_less_in_whole_lines(
    served: Served, measure: Measure, browser_name: str
) -> None:
    wide = (240, 300, 375, 479, 480, 768, 895, 896, 1200)
    sizes = [(width, height) for width in wide for height in range(120, 900, 6)]
    if browser_name == "firefox":  # which takes its time
        sizes = [(width, height) for width in wide[::2] for height in range(120, 900, 60)]
    jobs = [Job(served.url + path, sizes, WRONG) for path in LOW.values()]
    for name, found in zip(LOW, measure(jobs), strict=True):
        wrong = {size: one for size, one in zip(sizes, found, strict=True) if one}
        assert wrong == {}, name


def test_with_other_fonts_than_expected_nothing_scrolls_and_no_line_is_cut(
    served: Served, tmp_path: Path, chromium: str
) -> None:
    config = tmp_path / "fonts.conf"
    config.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>/usr/share/fonts</dir><cachedir>{tmp_path}/cache</cachedir><selectfont><rejectfont>"
        "<glob>*iberation*</glob><glob>*oto*</glob></rejectfont></selectfont></fontconfig>"
    )
    # a list of more than a page is the one thing that scrolls rather than leave something out
    named = {**MEASURED, **LOW}
    paths = [path for name, path in named.items() if name not in LONG]
    jobs = [Job(served.url + path, framed(served.height(path)), WRONG) for path in paths]
    environment = {"FONTCONFIG_FILE": str(config), "HOME": os.environ.get("HOME", "/")}
    for path, found in zip(paths, run("chromium", chromium, jobs, **environment), strict=True):
        assert [one for one in found if one] == [], path
