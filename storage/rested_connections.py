"""Trying a connection that has rested before it is used again: a server that restarted meanwhile has closed it.

SQLAlchemy's own `pool_pre_ping` asks the server before each transaction, which under load is one question in six.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_USED_AT = "used_at"


def try_rested_connections(engine: Engine, rested_s: float) -> None:
    """Let the pool try connections that have rested so long, and open others where the server is gone."""

    def note_use(_connection: object, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own signature
        record.info[_USED_AT] = monotonic()

    def try_rested(connection: Any, record: Any, _fairy: object) -> None:  # noqa: ANN401 - SQLAlchemy's own signature
        used_at = record.info.get(_USED_AT)  # nothing where it was opened this moment
        if used_at is None or monotonic() - used_at < rested_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # all that were opened before now are as old as the server's start

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", try_rested)
