"""The catalogues of translations, kept in step with the sources: `make catalogues`.

What is said in English in the code and in the templates is found by Babel and put into each
`translations/<language>.po`, where translators write the words of their language. The program
reads those files as they are.
"""

from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from widgets.languages import CATALOGUES, LANGUAGES, SOURCE
from widgets.letters import template_folder

METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2"), ("**.xml", "jinja2")]
OPTIONS = {pattern: {"trim_blocks": "true", "lstrip_blocks": "true"} for pattern, _ in METHODS[1:]}
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
TRANSLATED = tuple(lang for lang in LANGUAGES if lang != SOURCE)


def extracted() -> Catalog:
    """Every string that a reader can see, with the files it is in and what is told translators
    about it (comments that begin with "Translators:")."""
    found = Catalog(charset="utf-8")
    for folder, name in ((Path(__file__).parent, "widgets"), (template_folder(), "templates")):
        for path, _, message, comments, context in extract_from_dir(
            folder, METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",)
        ):
            found.add(
                message,
                locations=[(f"{name}/{path}", 0)],
                auto_comments=comments,
                context=context,
            )
    return found


def read(lang: str) -> Catalog:
    """A language's catalogue as it is; an empty one where there is none yet."""
    path = CATALOGUES / f"{lang}.po"
    if not path.exists():
        return Catalog(locale=lang, charset="utf-8")
    with path.open("rb") as source:
        return read_po(source, locale=lang)


def update() -> None:
    """Brings every catalogue up to date: new strings empty, those of no source taken out."""
    CATALOGUES.mkdir(exist_ok=True)
    source = extracted()
    for lang in TRANSLATED:
        catalogue = read(lang)
        catalogue.update(source, no_fuzzy_matching=True, update_creation_date=False)
        with (CATALOGUES / f"{lang}.po").open("wb") as out:
            write_po(out, catalogue, width=100, include_lineno=False, ignore_obsolete=True)


if __name__ == "__main__":
    update()
