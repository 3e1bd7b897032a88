from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from producer.documents.formats import registry
from producer.documents.frames import Frame, read_frame, write_frame
from producer.documents.limited_process import request, serve
from producer.documents.limits import IntakeLimits
from tests.support.documents import pdf, word

if TYPE_CHECKING:
    from types import ModuleType


def _answers(*requests: Frame) -> list[Frame]:
    asked, answered = io.BytesIO(), io.BytesIO()
    for frame in requests:
        write_frame(asked, frame)
    asked.seek(0)
    serve(asked, answered)
    answered.seek(0)
    return list(iter(lambda: read_frame(answered, 1_000_000), None))


@pytest.fixture
def lenient() -> IntakeLimits:
    """Limits that leave the test's own process its time."""
    return IntakeLimits(reader_cpu_s=100_000)


def test_each_request_is_answered_in_order(lenient: IntakeLimits) -> None:
    """Files of all limited formats are answered one after the other."""
    assert _answers(
        request(".pdf", pdf("first"), lenient),
        request(".docx", word("second"), lenient),
        request(".htm", b"<p>third", lenient),
    ) == [
        Frame({"pages": 1, "metadata": {}}, b"first"),
        Frame({"pages": None, "metadata": {}}, b"second"),
        Frame({"pages": None, "metadata": {}}, b"third"),
    ]


def test_a_refusal_is_answered_with_its_code(lenient: IntakeLimits) -> None:
    """What cannot be read is answered, and the next file is read."""
    broken, fine = _answers(request(".pdf", b"x", lenient), request(".pdf", pdf("a"), lenient))
    assert broken.header["code"] == "malformed"
    assert fine.body == b"a"


def test_a_text_beyond_the_limit_is_refused() -> None:
    """A text longer than allowed is not sent."""
    limits = IntakeLimits(reader_cpu_s=100_000, max_text_chars=3)
    (answer,) = _answers(request(".html", b"<p>long", limits))
    assert answer.header["code"] == "too_large"


@pytest.mark.parametrize(("error", "code"), [(MemoryError, "too_costly"), (RuntimeError, "malformed")])
def test_whatever_a_parser_raises_refuses_the_file(
    lenient: IntakeLimits, error: type[Exception], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error nobody foresaw is a refusal that names its type and quotes nothing."""
    module = _module_raising(error)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(registry.LIMITED_READERS, ".odd", module.__name__)
    (answer,) = _answers(request(".odd", b"x", lenient))
    assert answer.header["code"] == code
    assert "secret" not in answer.header["reason"]


def _module_raising(error: type[Exception]) -> ModuleType:
    def extract(data: bytes, limits: IntakeLimits) -> None:
        raise error("secret words of the document")

    module = type(sys)("odd_format")
    module.extract = extract
    return module


def test_the_process_imports_parsers_only() -> None:
    """The process stays small: neither the rest of the product nor its libraries are in it."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import producer.documents.limited_process, sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    unwanted = {
        "pydantic",
        "sqlmodel",
        "sqlalchemy",
        "celery",
        "httpx",
        "redis",
        "typer",
        "workers",
        "storage",
        "gateway",
    }
    assert not unwanted.intersection(loaded)
