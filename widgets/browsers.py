"""What to call a browser, so that somebody knows it for theirs in a list."""

import re

# The first that is found: each also claims to be most of those after it.
BROWSERS = (
    ("Edg(e|A|iOS)?/", "Edge"),
    ("OPR/|Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrom(e|ium)/|CriOS/|HeadlessChrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X|Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def name(user_agent: str) -> str:
    """The browser and the system that a User-Agent claims, as people call them.

    >>> name("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    >>> name("curl/8.14"), name("")
    ('curl/8.14', 'a browser without a name')
    """
    browser = _first(BROWSERS, user_agent)
    system = _first(SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {'an ' if system.startswith('i') else ''}{system}"
    return browser or user_agent.partition(" ")[0][:60] or "a browser without a name"


def _first(known: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((said for pattern, said in known if re.search(pattern, user_agent)), "")
