"""A PostgreSQL that hangs."""

from __future__ import annotations

import socket

import pytest

from routing.errors import ServiceUnreachableError
from storage import clock
from storage.database import Database


def test_a_server_that_takes_connections_and_says_nothing_is_an_outage() -> None:
    """The time to connect runs out, which is told as any other outage."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://ledger:secret@127.0.0.1:{silent.getsockname()[1]}/ledger?connect_timeout=2"
        database = Database(address)
        with pytest.raises(ServiceUnreachableError):
            clock.read_ms(database)
        database.close()
