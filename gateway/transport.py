"""The port to HTTP: one POST, one bounded answer."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from routing.errors import CallRefusedError
from routing.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER_SENT = 0
"""The status of a call that could not be written."""
MAX_BODY_BYTES = 4 * 1024 * 1024
"""No answer of a chat model comes near; a decompressed bomb stops here."""


@immutable
class HttpAnswer:
    """What came back. Header names are in lower case; `body` is decoded from its transfer and content encodings."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def unwritable() -> CallRefusedError:
    """Return the error for a request that cannot be written."""
    told = "The call cannot be sent: its address or its key is not one. Check `base_url` and the key of the model."
    return CallRefusedError(told, NEVER_SENT)


@lru_cache(maxsize=256)
def stays_here(url: str) -> bool:
    """Tell whether an address is one of this machine, which no proxy of the environment could reach.

    As Go's `http.ProxyFromEnvironment` has it: a proxy set for the world must not cut off a model server beside us.
    """
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Transport(Protocol):
    """Sends requests.

    Every form follows no redirect, verifies certificates, takes proxies from the environment except to this machine,
    and keeps nothing between calls.
    """

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> HttpAnswer:
        """Send one request and return its answer, whatever its status.

        `timeout_s` covers everything, a dripping body included. Raises ProviderTroubleError: TIMEOUT past it,
        UNREACHABLE where no answer began or it broke off, BAD_BODY where it cannot be decoded or passes the cap. Raises
        CallRefusedError of status 0 where the address or a header is none, without quoting either.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
