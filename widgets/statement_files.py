"""A statement as a file: Markdown with YAML front matter, its signatories and picture beside it.
Its translations likewise, as `<slug>.<lang>.md`.

Every complaint names the file and the line, so that an editor can mend it in that hour.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml

from widgets import images, signatories, text, wording
from widgets.tables import BadRow
from widgets.wording import LARGEST, Unfit

FIELDS = frozenset({
    "title", "slug", "lang", "date", "topics", "countries", "image", "pull_quote", "endorsement",
    "withdrawn", "urgent",
})  # fmt: skip
IMAGE_FIELDS = frozenset({"file", "credit", "alt"})
OF_THE_STATEMENT = ("date", "countries", "urgent")  # not its translations' to change
TRANSLATION_NAME = re.compile(r"(?P<slug>.+)\.(?P<lang>[^.]+)")  # of the file, without .md
Value = TypeVar("Value")


class BadFile(Exception):
    """A file that can't be imported."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")


@dataclass(frozen=True)
class Picture:
    data: bytes
    alt: str
    credit: str | None
    path: Path
    line: int  # where the front matter names it


@dataclass
class StatementFile:
    """What a file says, checked and cleaned. names is None where there is no table of them, and
    urgent where the file does not say it."""

    path: Path
    slug: str
    lang: str
    title: str
    published_on: date
    body: str
    topics: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    pull_quote: str | None = None
    endorsement: str | None = None
    withdrawn_on: date | None = None
    urgent: bool | None = None
    picture: Picture | None = None
    names: list[signatories.Name] | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class TranslationFile:
    """What a file says of a statement in another language. What is None of the picture is as in
    the statement. withdrawn_on: the translation is taken back, not the statement."""

    path: Path
    slug: str  # the statement's
    lang: str
    title: str
    body: str
    topics: list[str] = field(default_factory=list)
    pull_quote: str | None = None
    endorsement: str | None = None
    withdrawn_on: date | None = None
    image_alt: str | None = None
    image_credit: str | None = None
    warnings: list[str] = field(default_factory=list)


def is_translation(path: Path) -> bool:
    """Whether a file is, by its name, a translation.

    >>> is_translation(Path("river-gate.ar.md")), is_translation(Path("river-gate.md"))
    (True, False)
    """
    return TRANSLATION_NAME.fullmatch(path.stem) is not None


def read(path: Path, today: date) -> StatementFile:
    """Reads FILE.md, `<slug>.signatories.csv` and the picture beside it. Raises BadFile."""
    front, body, warnings = _parts(path)
    statement = StatementFile(
        path=path,
        slug=front.slug(default=path.stem),
        lang=front.lang(),
        title=front.title(),
        published_on=front.day("date", required=True) or date.min,
        body=body,
        topics=front.many("topics"),
        countries=front.countries(),
        pull_quote=front.one("pull_quote"),
        endorsement=front.one("endorsement"),
        withdrawn_on=front.day("withdrawn", latest=today),
        urgent=front.yes_or_no("urgent"),
        picture=front.picture(),
        warnings=front.warnings + warnings,
    )
    _add_names(statement)
    return statement


def read_translation(path: Path, today: date) -> TranslationFile:
    """Reads `<slug>.<lang>.md`. Raises BadFile, also where it names a slug, a language or a
    picture of its own."""
    name = TRANSLATION_NAME.fullmatch(path.stem)
    assert name
    lang = _translations_lang(path, name["lang"])
    front, body, warnings = _parts(path)
    front.must_agree("slug", name["slug"])
    front.must_agree("lang", lang)
    if not text.is_language(lang) and front.one("lang") is None:
        raise BadFile(
            path,
            1,
            f"“{lang}” is not a language that we know; if it is one, say so in the front matter: "
            f"lang: {lang}",
        )
    front.warn_of(OF_THE_STATEMENT, f"belongs to the statement, {name['slug']}.md; it is ignored")
    alt, credit = front.picture_words()
    return TranslationFile(
        path=path,
        slug=name["slug"],
        lang=lang,
        title=front.title(),
        body=body,
        topics=front.many("topics"),
        pull_quote=front.one("pull_quote"),
        endorsement=front.one("endorsement"),
        withdrawn_on=front.day("withdrawn", latest=today),
        image_alt=alt,
        image_credit=credit,
        warnings=front.warnings + warnings,
    )


def _translations_lang(path: Path, written: str) -> str:
    try:
        return wording.lang(written)
    except Unfit as error:
        raise BadFile(
            path,
            1,
            f"{error}; a translation's file is named like river-gate.ar.md, and a statement's "
            "has no dot before .md",
        ) from None


def _parts(path: Path) -> "tuple[_FrontMatter, str, list[str]]":
    """The front matter, the text, and warnings of the text. Raises BadFile."""
    lines = _text(path).split("\n")
    if lines[0].strip() != "---":
        raise BadFile(path, 1, "the front matter must begin with a line of three hyphens (---)")
    try:
        end = next(i for i, line in enumerate(lines[1:], 1) if line.strip() in ("---", "..."))
    except StopIteration:
        raise BadFile(path, 1, "the front matter has no end: a second line of ---") from None
    front = _FrontMatter(path, "\n".join(lines[1:end]))
    body = wording.body("\n".join(lines[end + 1 :]))
    if not body:
        raise BadFile(path, end + 2, "the statement has no text")
    warnings = [
        f"{path}:{number}: hidden characters are taken out"
        for number, line in enumerate(lines, 1)
        if text.has_hidden(line)
    ]
    blank = next((i for i, line in enumerate(lines[end + 1 :]) if line.strip()), 0)
    first = end + 1 + blank
    warnings += [f"{path}:{first + doubt.line}: {doubt.reason}" for doubt in text.doubts(body)]
    return front, body, warnings


def _add_names(statement: StatementFile) -> None:
    path = statement.path.with_name(f"{statement.slug}.signatories.csv")
    if not path.exists():
        return
    if not path.is_file():
        raise BadFile(path, 1, "not a file")
    try:
        table = signatories.read_csv(path.read_bytes())
    except OSError as error:
        raise BadFile(path, 1, f"can't be read: {error.strerror}") from None
    except BadRow as error:
        raise BadFile(path, error.line, error.reason) from None
    statement.names = table.names
    statement.warnings += [f"{path}:{line}: {reason}" for line, reason in table.warnings]


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise BadFile(path, 1, "not a file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(path, 1, f"can't be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise BadFile(path, 1, f"larger than {LARGEST // 1_000_000} MB")
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadFile(path, line, "not UTF-8 text") from None
    return source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


class _FrontMatter:
    """The fields by name, with the line of each. Scalars are kept as they are written: in YAML
    1.1 the country NO would be the value false."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.warnings: list[str] = []
        # what YAML can't hold at all, it would refuse without a line
        self._nodes, self._lines = self._mapping(self._composed(text.clean_lines(source)), FIELDS)

    def fail(self, name: str, reason: str) -> BadFile:
        return BadFile(self.path, self._lines.get(name, 1), reason)

    def one(self, name: str) -> str | None:
        node = self._nodes.get(name)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            raise self.fail(name, f"{name} must be a text")
        if text.has_hidden(node.value):
            line = self._lines[name]
            self.warnings.append(f"{self.path}:{line}: hidden characters are taken out")
        return text.clean(node.value) or None

    def many(self, name: str) -> list[str]:
        node = self._nodes.get(name)
        if node is None:
            return []
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(item, yaml.ScalarNode) for item in items):
            raise self.fail(name, f"{name} must be a list: [one, another]")
        return [cleaned for item in items if (cleaned := text.clean(item.value))]

    def checked(self, name: str, check: Callable[[str | None], Value]) -> Value:
        """What a check makes of a field."""
        try:
            return check(self.one(name))
        except Unfit as error:
            raise self.fail(name, f"{name} {error}") from None

    def title(self) -> str:
        return self.checked("title", wording.title)

    def slug(self, default: str) -> str:
        return self.checked("slug", lambda written: wording.slug(written or default))

    def lang(self) -> str:
        return self.checked("lang", lambda written: wording.lang(written or "en"))

    def must_agree(self, name: str, expected: str) -> None:
        """What a translation's file says by its name, it can't say otherwise within."""
        value = self.one(name)
        if value is not None and value.casefold() != expected.casefold():
            raise self.fail(
                name,
                f"{name} “{value}” is not what the file's name says, “{expected}”: "
                "a translation is named <slug>.<lang>.md",
            )

    def warn_of(self, names: Iterable[str], reason: str) -> None:
        for name in names:
            if name in self._lines:
                self.warnings.append(f"{self.path}:{self._lines[name]}: {name} {reason}")

    def day(self, name: str, *, required: bool = False, latest: date | None = None) -> date | None:
        if not required and self.one(name) is None:
            return None
        day = self.checked(name, wording.day)
        if latest is not None and day > latest:
            raise self.fail(name, f"{name} {day} lies in the future")
        return day

    def yes_or_no(self, name: str) -> bool | None:
        value = self.one(name)
        if value is None:
            return None
        if value.lower() not in ("true", "yes", "false", "no"):
            raise self.fail(name, f"{name} must be true or false")
        return value.lower() in ("true", "yes")

    def countries(self) -> list[str]:
        try:
            return [wording.country(country) for country in self.many("countries")]
        except Unfit as error:
            raise self.fail("countries", str(error)) from None

    def picture_words(self) -> tuple[str | None, str | None]:
        """What a translation says of the statement's picture: alt and credit."""
        inner = self._image()
        if inner is None:
            return None, None
        inner.warn_of(["file"], "belongs to the statement; it is ignored")
        return inner.one("alt"), inner.one("credit")

    def _image(self) -> "_FrontMatter | None":
        node = self._nodes.get("image")
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            return None
        inner = _FrontMatter.__new__(_FrontMatter)
        inner.path, inner.warnings = self.path, self.warnings
        inner._nodes, inner._lines = inner._mapping(node, IMAGE_FIELDS)
        return inner

    def picture(self) -> Picture | None:
        inner = self._image()
        if inner is None:
            return None
        name = inner.one("file")
        line = inner._lines.get("file", self._lines["image"])
        if not name:
            raise BadFile(self.path, line, "image needs a file")
        if name != Path(name).name:
            raise BadFile(self.path, line, f"image file “{name}” must lie beside the statement")
        alt = inner.one("alt")
        if alt is None:
            self.warnings.append(
                f"{self.path}:{line}: the picture has no alt: readers who can't see it miss it"
            )
        picture_path = self.path.with_name(name)
        try:
            size = picture_path.stat().st_size
            if not picture_path.is_file():
                raise BadFile(self.path, line, f"{name}: not a file")
            if size > images.LARGEST_FILE:
                raise BadFile(self.path, line, f"{name}: larger than 25 MB")
            data = picture_path.read_bytes()
        except OSError as error:
            raise BadFile(self.path, line, f"{name}: {error.strerror}") from None
        return Picture(data, alt or "", inner.one("credit"), picture_path, line)

    def _composed(self, source: str) -> Any:
        loader = yaml.SafeLoader(source)
        try:
            return loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            # What never ends is noticed at the end; its beginning is what must be mended.
            unended = "end of stream" in str(error.problem)
            mark = (unended and error.context_mark) or error.problem_mark or error.context_mark
            line = mark.line + 2 if mark else 1
            reason = "a quotation mark or bracket is never closed" if unended else error.problem
            raise BadFile(self.path, line, f"not YAML: {reason or error}") from None
        except yaml.YAMLError as error:
            raise BadFile(self.path, 1, f"not YAML: {str(error).splitlines()[0]}") from None
        except (ValueError, OverflowError):
            line = loader.line + 2
            raise BadFile(self.path, line, "not YAML: a character that does not exist") from None
        except RecursionError:
            raise BadFile(self.path, 1, "not YAML that we can read: nested too deeply") from None

    def _mapping(
        self, node: Any, known: frozenset[str]
    ) -> tuple[dict[str, yaml.Node], dict[str, int]]:
        nodes: dict[str, yaml.Node] = {}
        lines: dict[str, int] = {}
        if node is None:
            return nodes, lines
        start = node.start_mark.line + 2  # front matter begins in line 2 of the file
        if not isinstance(node, yaml.MappingNode):
            raise BadFile(self.path, start, "here should be lines like “title: …”")
        for key, value in node.value:
            line = key.start_mark.line + 2
            name = str(key.value)
            if name in nodes:
                raise BadFile(self.path, line, f"{name} stands here twice")
            if name not in known:
                self.warnings.append(f"{self.path}:{line}: “{name}” is not a field; it is ignored")
                continue
            nodes[name], lines[name] = value, line
        return nodes, lines
