"""A page and a small file of an upstream that are here already, beside own ones."""

from __future__ import annotations

import functools
import statistics

from tests.benchmarks.forms import form_of
from tests.benchmarks.installation import SMALL_FILE
from tests.benchmarks.load import read, upload
from tests.benchmarks.measuring import Median, Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.benchmarks.sources.site import REPOSITORY, Site
from tests.support.distributions import Distribution, wheel

_CLIENTS = 1, 8, 64
_FILES = 100
_OWN, _BESIDE, _UPSTREAM = "own, no sources", "own, beside an upstream", "of the upstream"


def measure(site: Site, plan: Plan) -> Findings:
    installation = site.installation
    installation.publish([form_of(each) for each in _project("own-100", "own-file")])
    upload(
        installation.server,
        installation.upload_to(REPOSITORY),
        [[form_of(each) for each in _project("beside-100", "beside-file")]],
    )
    site.index.add(_project("upstream-100", "upstream-file"))
    places = {
        _OWN: ("main", "own"),
        _BESIDE: (REPOSITORY, "beside"),
        _UPSTREAM: (REPOSITORY, "upstream"),
    }
    targets = {
        (content, name): target
        for name, (repository, project) in places.items()
        for content, target in (
            (f"page of {_FILES} files", installation.page(f"{project}-100", repository=repository)),
            ("file of 20 kB", installation.file(f"{project}-file", repository=repository)),
        )
    }
    for target in targets.values():
        read(installation.server, target, max(_CLIENTS), 0.5)
    runs = in_turns(
        3 * plan.rounds,
        {
            (*subject, clients): functools.partial(
                read, installation.server, target, clients, plan.seconds / 2
            )
            for clients in _CLIENTS
            for subject, target in sorted(targets.items())
        },
    )
    rows = [
        [f"{content}: {name}", *(str(Median.of(runs[content, name, n])) for n in _CLIENTS)]
        for content, name in sorted(targets)
    ]
    headings = [f"{n} client{'s' * (n > 1)}" for n in _CLIENTS]
    ratios = {
        f"{content}, {n}": statistics.median(
            other.rate / own.rate
            for own, other in zip(
                runs[content, _BESIDE, n], runs[content, _UPSTREAM, n], strict=True
            )
        )
        for content in {content for content, _name in targets}
        for n in _CLIENTS
    }
    return Findings(
        [Table(["hot", *headings], rows)],
        [Goal("hot, of an upstream beside own", "at least", 0.95, ratios)],
    )


def _project(name: str, small: str) -> list[Distribution]:
    """A project of many files, and one of a small file."""
    files = [wheel(name, f"1.{number}", requires_python=">=3.9") for number in range(_FILES)]
    return [*files, wheel(small, padding=SMALL_FILE - 900)]
