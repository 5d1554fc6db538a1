"""/metrics, as a scraper reads it."""

TOKEN = "a-token-for-the-scraper"
REQUESTS = "pypi_repo_requests_total"
NOT_FOUND = f'{REQUESTS}{{route="other",method="GET",status="404"}}'


def samples(text: str) -> dict[str, float]:
    """The values, by name and labels."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line[0] != "#"]
    found = {name: float(value) for name, _space, value in lines}
    assert len(found) == len(lines), "a name and labels that were told twice"
    return found
