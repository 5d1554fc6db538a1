"""CI jobs that exchange their signed tokens, on both databases."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.benchmarks import load
from tests.benchmarks.client import Form
from tests.benchmarks.hammer import Run
from tests.benchmarks.installation import Installation
from tests.benchmarks.load import Target
from tests.benchmarks.measuring import Median, Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.support.ci_jobs import CONDITIONS, job_token
from tests.support.identity_provider import ScriptedProvider

_CLIENTS = (1, 8)
_WANTED = 50  # a second
_MINT = Target("/_/oidc/mint-token")


def measure(installations: Mapping[str, Installation], plan: Plan) -> Findings:
    """All jobs have one publisher, which is the worst: each waits for the one before it."""
    with _provider_of(installations) as provider:
        runs = in_turns(
            plan.rounds,
            {
                (name, clients): functools.partial(
                    _exchange, installation, provider, plan.uploads, clients
                )
                for clients in _CLIENTS
                for name, installation in installations.items()
            },
        )
        for_each = len(provider.asked) / len(installations)
    medians = {subject: Median.of(found) for subject, found in runs.items()}
    rows = [[name, *(str(medians[name, c]) for c in _CLIENTS)] for name in installations]
    rates = {name: medians[name, max(_CLIENTS)].rate for name in installations}
    return Findings(
        [Table(["exchanges of signed tokens (RS256)", "one client", "eight clients"], rows)],
        [
            Goal("exchanges, eight clients", "at least", _WANTED, rates, "/s"),
            Goal("requests to the issuer meanwhile", "at most", 16, {"": for_each}),
        ],
    )


@contextmanager
def _provider_of(installations: Mapping[str, Installation]) -> Iterator[ScriptedProvider]:
    provider = ScriptedProvider()
    try:
        for installation in installations.values():
            claims = [f"--claim={name}={value}" for name, value in CONDITIONS.items()]
            how = ["--issuer", provider.url, "--allow-http", "--allow-private-network"]
            installation.command(
                *("publisher", "create", "rocket", "--for", "github", "--repository", "main"),
                *("--project", "rocket", *how, *claims),
            )
        yield provider
    finally:
        provider.close()


def _exchange(
    installation: Installation, provider: ScriptedProvider, number: int, clients: int
) -> Run:
    bodies = [json.dumps({"token": job_token(provider)}).encode() for _ in range(number)]
    forms = [Form("application/json", body) for body in bodies]
    return load.upload(installation.server, _MINT, [forms[n::clients] for n in range(clients)])
