"""The house keeps its plan: three floors, and documents that say what is so."""

import ast
import doctest
import importlib
import re
import tomllib
from pathlib import Path

import pytest

from widgets.cli import main

ROOT = Path(__file__).parent.parent
TOP = ("widgets.web",)
WIRING = ("widgets", "widgets.cli")  # they open all rooms
HTTP = ("flask", "flask_wtf", "werkzeug", "wtforms", "gunicorn")
MAY_KNOW_FLASK = ("widgets.settings",)  # it reads the environment for them


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "widgets").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import hides its floor"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def is_within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_file_imports_from_its_own_floor_or_below(module: str) -> None:
    known = imported(modules()[module])
    if module in WIRING or is_within(module, TOP):
        return
    assert not [name for name in known if is_within(name, (*TOP, "widgets.cli"))]
    if not is_within(module, MAY_KNOW_FLASK):
        assert not [name for name in known if is_within(name, HTTP)]
    if is_within(module, ("widgets.models",)):
        ours = [name for name in known if is_within(name, ("widgets",))]
        assert not [name for name in ours if not is_within(name, ("widgets.models",))]


@pytest.mark.parametrize("module", [name for name in sorted(modules()) if "migrations" not in name])
def test_every_room_says_what_it_is_for_and_its_examples_are_true(module: str) -> None:
    opened = importlib.import_module(module)
    assert opened.__doc__
    assert doctest.testmod(opened).failed == 0


def test_the_templates_have_no_script_and_no_inline_style() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(
            r"<script(?! type=\"application/ld\+json\">)|\son[a-z]+=|javascript:",
            text,
            re.IGNORECASE,
        ), path
        assert 'style="' not in text, path


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
    ],
)
def test_the_documents_lead_to_what_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]*)\)", text):
        path, _, anchor = target.partition("#")
        linked = (ROOT / document).parent / path if path else ROOT / document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = {
                re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings
            }
            assert anchor in slugs, target


def test_every_command_that_a_document_shows_exists() -> None:
    known = set(main.commands)
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for command in re.findall(
            r"(?:^|bin/|\$ |`)undersigned ([a-z-]+)", path.read_text(), re.MULTILINE
        ):
            assert command in known | {"undersigned"}, f"{path.name}: {command}"


def test_every_command_is_explained_to_operators() -> None:
    guides = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    for name, command in main.commands.items():
        if not command.hidden:
            assert name in guides, name


def test_what_is_installed_is_locked_with_its_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "requirements.txt").read_text().lower()
    for dependency in project["dependencies"]:
        name = re.split(r"[\[<>=! ]", dependency)[0].lower()
        assert re.search(rf"^{re.escape(name)}(\[\w+\])?==", locked, re.MULTILINE), name
    assert locked.count("--hash=sha256:") > 100
