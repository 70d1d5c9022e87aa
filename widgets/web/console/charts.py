"""Small pictures of numbers over time, drawn here as SVG: no script, and the numbers in words."""

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

HEIGHT = 80  # units of the drawing, which is as wide as its place
GAP = 1


def bars(days: Sequence[tuple[date, int]], title: str, *, width: int = 320) -> Markup:
    """A bar for each day. title: what is shown, for those who don't see it; the highest number and
    the first and last day are added to it. width: of the drawing, in its units."""
    most = max((number for _, number in days), default=0)
    each = width / max(1, len(days))
    drawn = Markup().join(
        Markup('<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
            place * each,
            HEIGHT - number / most * HEIGHT,
            max(0.5, each - GAP),
            number / most * HEIGHT,
        )
        for place, (_, number) in enumerate(days)
        if number
    )
    return _picture(drawn, _described(days, title, most), width, "bars")


def line(days: Sequence[tuple[date, int]], title: str, *, width: int = 640) -> Markup:
    """A line through the number of each day, from 0 at the foot; otherwise as `bars`."""
    most = max((number for _, number in days), default=0)
    step = width / max(1, len(days) - 1)
    points = " ".join(
        f"{place * step:.2f},{HEIGHT - 2 - number / max(1, most) * (HEIGHT - 4):.2f}"
        for place, (_, number) in enumerate(days)
    )
    drawn = Markup('<polyline points="{}"/>').format(points)
    return _picture(drawn, _described(days, title, most), width, "line")


def _described(days: Sequence[tuple[date, int]], title: str, most: int) -> str:
    if not days:
        return title
    first, last = days[0][0], days[-1][0]
    return (
        f"{title}, {first:%-d %b %Y} to {last:%-d %b %Y}: at most {most:,}, lately {days[-1][1]:,}"
    )


def _picture(drawn: Markup, told: str, width: int, kind: str) -> Markup:
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(kind, width, HEIGHT, told, drawn)
