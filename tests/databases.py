"""Databases of a PostgreSQL server of the tests: made, copied, named."""

from __future__ import annotations

from sqlalchemy import create_engine, text

_made = 0


def fresh_postgres(server_url: str, template: str = "template1") -> str:
    """Create a database on the server, empty or as `template` is, and return its URL."""
    global _made  # noqa: PLW0603 - a counter of this process names the databases
    _made += 1
    name = f"test_{_made}"
    administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return database(server_url, name)


def administer(server_url: str, *statements: str) -> None:
    """Run statements outside of any transaction."""
    admin = create_engine(server_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    admin.dispose()


def database(server_url: str, name: str) -> str:
    """Return the URL of a database of the server."""
    head, _, tail = server_url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{tail}" if tail else "")
