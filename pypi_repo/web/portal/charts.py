"""Small plots as SVG, drawn here: no script, no style that the page's policy forbids."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

_WIDTH, _HEIGHT = 600, 140
_GAP = 0.25  # of a bar's place
_ROUND = (2, 4, 6, 8, 10, 12, 16, 20)  # so that the half of a scale is round too

_Series = Sequence[tuple[date, int]]
_InWords = Callable[[int], str]
"""A value as people read it: with what is counted, or in units."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of numbers by days, whose lower edge is 0.

    top: the value at its upper edge.
    """

    drawing: Markup
    top: int


def bars(series: _Series, in_words: _InWords) -> Plot:
    """Draws a bar for each day, of at least one day."""
    step = _WIDTH / len(series)
    top = _top_above(_largest(series))
    drawn = Markup("").join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            index * step + step * _GAP / 2,
            _HEIGHT - _scaled(value, top),
            step * (1 - _GAP),
            _scaled(value, top),
        )
        for index, (_day, value) in enumerate(series)
    )
    return Plot(_framed(drawn + _days(series, in_words)), top)


def area(series: _Series, in_words: _InWords) -> Plot:
    """Draws a filled line of bytes from the first day to the last, of at least one day."""
    top = _top_above(_largest(series), _unit_of_bytes(_largest(series)))
    step = _WIDTH / max(1, len(series) - 1)
    line = " ".join(
        f"{index * step:.1f},{_HEIGHT - _scaled(value, top):.1f}"
        for index, (_day, value) in enumerate(series)
    )
    drawn = Markup('<polygon points="0,{} {} {},{}"/><polyline points="{}"/>').format(
        _HEIGHT, line, _WIDTH, _HEIGHT, line
    )
    return Plot(_framed(drawn + _days(series, in_words)), top)


def _days(series: _Series, in_words: _InWords) -> Markup:
    """Over the drawing, from top to bottom: each day's place, whose title tells the value.

    So a day can be pointed at whatever its value is.
    """
    step = _WIDTH / len(series)
    return Markup("").join(
        Markup(
            '<rect class="day" x="{:.1f}" y="0" width="{:.1f}" height="{}">'
            "<title>{}: {}</title></rect>"
        ).format(index * step, step, _HEIGHT, day, in_words(value))
        for index, (day, value) in enumerate(series)
    )


def _top_above(largest: int, unit: int = 1) -> int:
    """A round number of a unit in which people read the values, and none of them above it."""
    while largest > _ROUND[-1] * unit:
        unit *= 10
    return next(unit * number for number in _ROUND if largest <= unit * number)


def _unit_of_bytes(largest: int) -> int:
    unit = 1
    while largest > 1000 * unit:
        unit *= 1024
    return unit


def _largest(series: _Series) -> int:
    return max(value for _day, value in series)


def _scaled(value: int, top: int) -> float:
    return value / top * _HEIGHT


def _framed(drawn: Markup) -> Markup:
    # The same numbers stand in a table below it, so it is a mere picture to a screen reader.
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        '<path d="M0 0h{}M0 {}h{}"/>{}</svg>'
    ).format(_WIDTH, _HEIGHT, _WIDTH, _HEIGHT // 2, _WIDTH, drawn)
