"""Every screen of the console, found as an editor finds them: by following links."""

import re
from collections import Counter, deque
from html import unescape
from urllib.parse import urljoin, urlsplit

from flask import Flask

from tests.actors import Page, Reader

MOST_OF_A_KIND = 3  # pages of one screen that differ in what they show


def crawl(app: Flask, reader: Reader, start: str = "/admin") -> dict[str, Page]:
    """The pages of the console that links lead to, by their addresses; of one screen a few."""
    urls = app.url_map.bind("127.0.0.1")
    waiting, seen = deque([start]), {start}
    kinds: Counter[str] = Counter()
    found: dict[str, Page] = {}
    while waiting:
        path = waiting.popleft()
        endpoint, _ = urls.match(urlsplit(path).path, "GET")
        kinds[endpoint] += 1
        if kinds[endpoint] > MOST_OF_A_KIND:
            continue
        page = reader.open(path)
        if "text/html" not in page.headers["Content-Type"]:
            continue
        found[path] = page
        for link in re.findall(r'href="([^"#]+)', page.html):
            target = urljoin(page.path, unescape(link))
            if target.startswith("/admin") and target not in seen:
                seen.add(target)
                waiting.append(target)
    return found


def screens(app: Flask) -> set[str]:
    """The endpoints of all pages of the console that can be opened."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ())
    }
