"""Trying a connection that has rested before it is used again: a server that restarted meanwhile has closed it.

SQLAlchemy's own `pool_pre_ping` asks the server before each transaction, which under load is one question in six, and
for a single document a round trip in four. That a server has closed a connection stands on its socket: a server that
is not used says nothing else. Only what lay still for longer may have been cut where nobody could say so.
"""

from __future__ import annotations

import select
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from sqlalchemy import Engine

TRUSTED_S = 1.0
"""A connection used this lately is there if nothing came on it since."""
_USED_AT = "used_at"


def try_rested_connections(engine: Engine) -> None:
    """Let the pool try connections that have rested, and open others where the server is gone."""

    def note_use(_connection: object, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own signature
        record.info[_USED_AT] = monotonic()

    def try_rested(connection: Any, record: Any, _fairy: object) -> None:  # noqa: ANN401 - SQLAlchemy's own signature
        used_at = record.info.get(_USED_AT)  # nothing where it was opened this moment
        if used_at is None:
            return
        try:
            if monotonic() - used_at >= TRUSTED_S or not _is_silent(connection):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # all that were opened before now are as old as the server's start

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", try_rested)


def _is_silent(connection: Any) -> bool:  # noqa: ANN401 - the driver's own connection
    """Tell whether nothing has come on a connection since its last answer, its end included."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
