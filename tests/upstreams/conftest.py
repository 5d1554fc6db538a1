"""What the tests with other people's servers share."""

import sys

import pytest

from tests.support.other_servers import Programs


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Programs:
    """Kept with pytest's cache: most of their time would be spent on compiling them anew."""
    assert pytestconfig.cache is not None
    return Programs(pytestconfig.cache.mkdir(f"programs-{sys.implementation.cache_tag}"))
