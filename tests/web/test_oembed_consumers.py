"""What programs that others wrote make of our oEmbed, over HTTP."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import html5lib
import micawber
import pytest

from tests.actors import CHECKOUT, Program, free_port, missing
from tests.samples import publish, statement_file
from widgets.service import Service

TITLE = "Quotes & <angles> 'here'"
EXTRACTOR = CHECKOUT / "tests" / "node_modules" / "@extractus" / "oembed-extractor"
EXTRACT = """
import { extract } from 'EXTRACTOR/esm/mod.js'
const [url, params] = process.argv.slice(2)
try { console.log(JSON.stringify(await extract(url, JSON.parse(params)))) }
catch (error) { console.log(JSON.stringify({ error: error.message })) }
""".replace("EXTRACTOR", EXTRACTOR.as_uri())


@pytest.fixture
def server(service: Service, program: Callable[..., Program], tmp_path: Path) -> str:
    """The address of the running program, with a statement."""
    publish(service, statement_file(tmp_path, title=TITLE, names=["Lamp Keepers"], picture=True))
    port = free_port()
    return program("web", PORT=port, BASE_URL=f"http://127.0.0.1:{port}").ready().url


@pytest.fixture
def registry(server: str) -> micawber.ProviderRegistry:
    """micawber, told of our provider and of no other."""
    told = micawber.ProviderRegistry()
    # its own 3 seconds are too few on a machine that is busy with other tests
    told.register(rf"{server}/\S+", micawber.Provider(f"{server}/oembed", timeout=30))
    return told


@pytest.fixture
def extract(tmp_path: Path) -> Callable[..., Any]:
    """oembed-extractor, which knows nothing of us and must find the provider by itself."""
    node = shutil.which("node")
    if not node or not EXTRACTOR.is_dir():
        missing("there is no node or no oembed-extractor: run `npm ci --prefix tests`")
    script = tmp_path / "extract.mjs"
    script.write_text(EXTRACT)

    def extracting(url: str, **params: int) -> Any:
        done = subprocess.run(
            [node, script, url, json.dumps(params)], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    return extracting


def frame_in(html: str) -> dict[str, str]:
    (frame,) = html5lib.parseFragment(html, namespaceHTMLElements=False).iter("iframe")
    return dict(frame.attrib)


def test_micawber_is_told_of_a_statement_within_its_limits(
    registry: micawber.ProviderRegistry, server: str
) -> None:
    told = registry.request(f"{server}/statements/river-gate", maxwidth=480, maxheight=400)

    assert (told["type"], told["title"]) == ("rich", TITLE)
    assert (told["width"], told["height"]) == (480, 400)
    assert frame_in(told["html"])["src"] == f"{server}/embed/statements/river-gate"
    assert told["thumbnail_width"] == 480


def test_micawber_sets_the_frame_where_an_address_stands_alone_on_a_line(
    registry: micawber.ProviderRegistry, server: str
) -> None:
    text = f"We signed this:\n\n{server}/statements/river-gate#signatories\n\nSo can you."
    frame = frame_in(registry.parse_text(text))

    assert frame["src"] == f"{server}/embed/statements/river-gate/signatories?view=compact"
    assert frame["title"] == f"Signatories: {TITLE}"


@pytest.mark.parametrize("path", ["/statements/nothing", "/privacy"])
def test_micawber_is_told_that_there_is_nothing(
    registry: micawber.ProviderRegistry, server: str, path: str
) -> None:
    with pytest.raises(micawber.ProviderException):
        registry.request(server + path)

    assert registry.parse_text(f"{server}{path}") == (
        f'<a href="{server}{path}">{server}{path}</a>'
    )


def test_oembed_extractor_finds_the_provider_from_a_statements_page(
    extract: Callable[..., Any], server: str
) -> None:
    told = extract(f"{server}/statements/river-gate", maxwidth=480, maxheight=400)

    assert told["method"] == "auto-discovery"
    assert (told["type"], told["title"]) == ("rich", TITLE)
    assert (told["width"], told["height"]) == (480, 400)
    assert frame_in(told["html"])["src"] == f"{server}/embed/statements/river-gate"


def test_oembed_extractor_is_told_that_there_is_nothing(
    extract: Callable[..., Any], server: str
) -> None:
    assert extract(f"{server}/privacy") == {"error": "No oEmbed link found"}
    assert extract(f"{server}/statements/river-gate", maxwidth=-1) == {
        "error": "Request failed with error code 400"
    }
