"""The messages between the intake and its limited reader: a JSON header and a body, each with its length before it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from typing import IO

_LENGTHS = struct.Struct(">IQ")


class BrokenFrameError(Exception):
    """The other side ended within a frame, or sent what is none."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    header: dict[str, Any]
    body: bytes


def write_frame(stream: IO[bytes], frame: Frame) -> None:
    """Write one frame and flush it."""
    header = orjson.dumps(frame.header)
    stream.write(_LENGTHS.pack(len(header), len(frame.body)))
    stream.write(header)
    stream.write(frame.body)
    stream.flush()


def read_frame(stream: IO[bytes], max_bytes: int) -> Frame | None:
    """Read one frame, None where the stream ended before it.

    Raises BrokenFrameError, also for a frame of more than `max_bytes`.
    """
    lengths = stream.read(_LENGTHS.size)
    if not lengths:
        return None
    if len(lengths) < _LENGTHS.size:
        raise BrokenFrameError
    header_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if header_bytes + body_bytes > max_bytes:
        raise BrokenFrameError
    header = stream.read(header_bytes)
    body = stream.read(body_bytes)
    if len(header) < header_bytes or len(body) < body_bytes:
        raise BrokenFrameError
    try:
        return Frame(orjson.loads(header), body)
    except orjson.JSONDecodeError as error:
        raise BrokenFrameError from error
