"""What tests of several rooms share."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POSTGRES = os.environ.get("EVENWEAVE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


@pytest.fixture
async def postgres_url() -> AsyncIterator[str]:
    """A schema of the test's own on a running PostgreSQL, dropped with everything in it."""
    import asyncpg

    try:
        connection = await asyncpg.connect(POSTGRES, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        pytest.skip(
            f"no PostgreSQL at {POSTGRES} ({error}): start one, for instance with `docker run -p 127.0.0.1:5432:5432 "
            "-e POSTGRES_HOST_AUTH_METHOD=trust postgres`, or set EVENWEAVE_TEST_POSTGRES to the URL of one"
        )
    schema = f"test_{uuid.uuid4().hex}"
    await connection.execute(f"create schema {schema}")
    yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}search_path={schema}"
    await connection.execute("set lock_timeout = '20s'")
    await connection.execute(f"drop schema {schema} cascade")
    await connection.close()
