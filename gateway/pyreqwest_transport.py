"""The transport on pyreqwest alone, without httpx's objects between (docs/decisions/http-transport.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import BuilderError, DecodeError, PyreqwestError, RequestTimeoutError

from gateway.body_reader import FIRST_BYTES, BodyReader, stated_length
from gateway.renewed_client import RenewedClient
from gateway.transport import MAX_BODY_BYTES, HttpAnswer, stays_here, unwritable
from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pyreqwest.http import HeaderMap
    from pyreqwest.request import StreamRequest
    from pyreqwest.response import ResponseBodyReader

CONNECT_TIMEOUT_S = 10.0


class PyreqwestTransport:
    """Sends through a `pyreqwest` client, and through one without proxies to servers of this machine."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._bodies = BodyReader(max_body_bytes)
        self._client = RenewedClient(_builder)
        self._direct_client = RenewedClient(lambda: _builder().no_proxy())

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> HttpAnswer:
        """Send one request and return its answer, as the port says."""
        client = self._direct_client if stays_here(url) else self._client
        deadline = asyncio.get_running_loop().time() + timeout_s
        request = _request(client, url, headers, body, timeout_s)
        try:
            answer = await self._exchange(request, deadline)
        except (TimeoutError, RequestTimeoutError):
            raise ProviderTroubleError(f"No answer within {timeout_s:g} s.", Trouble.TIMEOUT) from None
        except BuilderError:
            raise unwritable() from None
        except DecodeError:
            raise ProviderTroubleError("The answer cannot be decoded.", Trouble.BAD_BODY) from None
        except (PyreqwestError, OSError) as error:
            raise ProviderTroubleError(f"No answer ({type(error).__name__}).", Trouble.UNREACHABLE) from None
        client.carried(len(answer.body))
        return answer

    async def _exchange(self, request: StreamRequest, deadline: float) -> HttpAnswer:
        async with request as response:
            headers = _Headers(response.headers)
            length = stated_length(headers, names=response.headers)
            if self._bodies.takes_whole(length):
                body = bytes(await response.bytes())
            else:
                body = await self._bodies.read(_parts(response.body_reader), length, deadline)
            return HttpAnswer(response.status, headers, body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()
        await self._direct_client.close()


def _builder() -> ClientBuilder:
    return (
        ClientBuilder()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .connect_timeout(timedelta(seconds=CONNECT_TIMEOUT_S))
    )


def _request(
    client: RenewedClient, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
) -> StreamRequest:
    try:
        # Its own timeout, which goes on to the body's end: one of asyncio's costs a quarter of the whole exchange.
        request = client.post(url).timeout(timedelta(seconds=timeout_s)).headers(dict(headers)).body_bytes(body)
        return request.streamed_read_buffer_limit(FIRST_BYTES).build_streamed()
    except ValueError:  # its message quotes the header
        raise unwritable() from None


async def _parts(reader: ResponseBodyReader) -> AsyncIterator[bytes]:
    while (part := await reader.read_chunk()) is not None:
        yield bytes(part)


class _Headers(Mapping[str, str]):
    """The headers of an answer, each read when it is asked for: nobody asks for most of the dozens that come.

    Those beyond ASCII, which pyreqwest cannot read, are not there.
    """

    def __init__(self, headers: HeaderMap) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        try:
            return self._headers[name]
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name for name in dict.fromkeys(map(str.lower, self._headers)) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
