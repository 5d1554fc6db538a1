"""What the tests of the storage need beside the fixtures of all tests."""

import pytest

from tests.support.postgres import PostgresServer


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """An empty PostgreSQL database."""
    return postgres.create_database()
