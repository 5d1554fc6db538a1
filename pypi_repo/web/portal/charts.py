"""Small plots as SVG, drawn here: no script, no style that the page's policy forbids."""

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

_WIDTH, _HEIGHT = 600, 140
_GAP = 0.25  # of a bar's place

_Series = Sequence[tuple[date, int]]


def bars(series: _Series) -> Markup:
    """One bar for each day; its title tells day and number. At least one day."""
    step = _WIDTH / len(series)
    top = max(1, *(value for _day, value in series), 1)
    drawn = Markup("").join(
        Markup(
            '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
            "<title>{}: {:,}</title></rect>"
        ).format(
            index * step + step * _GAP / 2,
            _HEIGHT - _scaled(value, top),
            step * (1 - _GAP),
            _scaled(value, top),
            day,
            value,
        )
        for index, (day, value) in enumerate(series)
    )
    return _framed(drawn)


def area(series: _Series) -> Markup:
    """A filled line from the first day to the last. At least one day."""
    top = max(1, *(value for _day, value in series), 1)
    step = _WIDTH / max(1, len(series) - 1)
    line = " ".join(
        f"{index * step:.1f},{_HEIGHT - _scaled(value, top):.1f}"
        for index, (_day, value) in enumerate(series)
    )
    return _framed(
        Markup('<polygon points="0,{} {} {},{}"/><polyline points="{}"/>').format(
            _HEIGHT, line, _WIDTH, _HEIGHT, line
        )
    )


def _scaled(value: int, top: int) -> float:
    return value / top * (_HEIGHT - 4)


def _framed(drawn: Markup) -> Markup:
    # The same numbers stand in a table below it, so it is a mere picture to a screen reader.
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        "{}</svg>"
    ).format(_WIDTH, _HEIGHT, drawn)
