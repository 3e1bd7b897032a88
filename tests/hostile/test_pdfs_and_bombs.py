"""Documents that are circles, bombs or traps: one outcome each, within the reader's limits, and nothing is fetched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producer.documents.limits import MEBIBYTE, IntakeLimits
from tests.support.documents import take_in, with_part, word, word_with_body
from tests.support.opened_files import watched
from tests.support.raw_http import answer, raw_server
from tests.support.raw_pdf import CATALOG, FONT, PAGE, TEXT, packed, raw_pdf, stream
from tests.support.runs import ROOT

READER_MB, READER_CPU_S = 256, 1
MOST_ABOVE_IDLE_MB = 64
BOMB = 200_000_000
_FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 200 200] "
_FONTS = FONT[2:-2]


def page(resources: bytes) -> bytes:
    """Return a page of these resources."""
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << " + resources + b" >> >>"


def doubling() -> bytes:
    """Return a page that draws a form, which draws another twice, and so on for thirty."""
    objects = {3: page(b"/XObject << /X 10 0 R >>"), 4: stream(b"/X Do")}
    for number in range(10, 40):
        within = b"/Resources << /XObject << /X %d 0 R >> >>" % (number + 1)
        objects[number] = stream(b"/X Do /X Do", _FORM + within)
    return raw_pdf({**objects, 40: stream(TEXT, _FORM + b"/Resources << " + _FONTS + b" >>")})


def deep_pages() -> bytes:
    """Return a tree of pages with one page, three thousand levels down."""
    tree = {
        number: b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (max(2, number - 1), number + 1)
        for number in range(10, 3_010)
    }
    return raw_pdf({2: b"<< /Type /Pages /Kids [10 0 R] /Count 1 >>", **tree, 3_010: PAGE})


def kids(references: bytes, count: int) -> dict[int, bytes]:
    """Return the root of a tree of pages."""
    return {2: b"<< /Type /Pages /Kids [" + references + b"] /Count %d >>" % count}


READ = "read"
PDFS: dict[str, tuple[Callable[[], bytes], str]] = {
    "plain": (lambda: raw_pdf({}), READ),
    "pages hold themselves": (lambda: raw_pdf(kids(b"2 0 R", 1)), "malformed"),
    "pages hold themselves and a page": (lambda: raw_pdf(kids(b"2 0 R 3 0 R", 2)), "malformed"),
    "a circle of pages": (lambda: raw_pdf({**kids(b"5 0 R", 1), 5: kids(b"2 0 R", 1)[2]}), "malformed"),
    "a page is its own parent": (lambda: raw_pdf({3: PAGE.replace(b"2 0 R", b"3 0 R")}), READ),
    "a form draws itself": (
        lambda: raw_pdf(
            {
                3: page(b"/XObject << /X 5 0 R >>"),
                4: stream(b"/X Do"),
                5: stream(b"/X Do", _FORM + b"/Resources << /XObject << /X 5 0 R >> >>"),
            }
        ),
        "no_text_layer",
    ),
    "a length is its own stream": (
        lambda: raw_pdf({4: stream(TEXT).replace(b"/Length %d" % len(TEXT), b"/Length 4 0 R")}),
        READ,
    ),
    "an object is a reference to itself": (lambda: raw_pdf({3: b"3 0 R"}), "malformed"),
    "the catalogue is a reference to itself": (lambda: raw_pdf({1: b"1 0 R"}), "malformed"),
    "the table follows itself": (lambda: raw_pdf({}, b"/Root 1 0 R /Prev 400"), READ),
    "contents hold themselves": (lambda: raw_pdf({4: b"[4 0 R 4 0 R]"}), "no_text_layer"),
    "resources hold themselves": (
        lambda: raw_pdf({3: PAGE.replace(FONT, b"5 0 R"), 5: b"<< /Font 5 0 R /F 5 0 R >>"}),
        READ,
    ),
    "a count that lies": (lambda: raw_pdf(kids(b"3 0 R", 2_147_483_647)), READ),
    "a count below nothing": (lambda: raw_pdf(kids(b"3 0 R", -5)), READ),
    "one page a hundred thousand times": (lambda: raw_pdf(kids(b"3 0 R " * 100_000, 100_000)), "too_large"),
    "a deep tree of pages": (deep_pages, "malformed"),
    "forms that double": (doubling, "too_costly"),
    "200 MB from a small stream": (lambda: raw_pdf({4: packed(bytes(BOMB))}), "too_costly"),
    "200 MB from a smaller one": (lambda: raw_pdf({4: packed(bytes(BOMB), 2)}), "too_costly"),
    "20 million letters": (
        lambda: raw_pdf({4: packed(b"BT /F 1 Tf (" + b"a" * 20_000_000 + b") Tj ET")}),
        READ,  # PDFium reads no more than 32 767 letters of one string
    ),
    "states without end": (lambda: raw_pdf({4: packed(b"q " * 20_000_000)}), "too_costly"),
    "arrays within arrays": (lambda: raw_pdf({4: stream(b"[" * 200_000)}), "no_text_layer"),
    "objects within objects": (lambda: raw_pdf({3: b"<< /A " * 100_000}), "no_text_layer"),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process of its own makes of these files, and how much memory its reader has had at most."""
    folder = tmp_path_factory.mktemp("bombs")
    files = []
    for name, (make, _) in PDFS.items():
        files.append(folder / f"{name}.pdf")
        files[-1].write_bytes(make())
    limits = {"reader_cpu_s": READER_CPU_S, "reader_memory_bytes": READER_MB * MEBIBYTE}
    command = [sys.executable, "-m", "tests.support.taking_in", f"--limits={json.dumps(limits)}", *map(str, files)]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=100).stdout
    weighed: dict[str, Any] = json.loads(told)
    return weighed


@pytest.mark.parametrize("name", PDFS)
def test_each_pdf_has_one_outcome(read: dict[str, Any], name: str) -> None:
    """It is read or refused with its code, in little of our own memory."""
    told, expected = read[f"{name}.pdf"], PDFS[name][1]
    outcome = [READ] * len(told["accepted"]) + [code for _, code in told["refused"]]
    assert outcome == [expected]
    assert told["peak_mb"] < MOST_ABOVE_IDLE_MB


def test_the_limits_of_the_reader_hold(read: dict[str, Any]) -> None:
    """None of these files got more memory than is allowed, nor more processor time."""
    assert read["reader_peak_mb"] < READER_MB
    assert max(told["reader_cpu_s"] for name, told in read.items() if name.endswith(".pdf")) < 2 * READER_CPU_S


def _traps(address: str, file: Path) -> dict[str, bytes]:
    """Return documents that ask their reader to fetch something, or to read a file of this machine."""
    entity = f'<!DOCTYPE w:document [<!ENTITY x SYSTEM "{{}}"><!ENTITY % y SYSTEM "{address}/y.dtd"> %y;]>'
    paragraph = "<w:p><w:r><w:t>end&x;</w:t></w:r></w:p>"
    template = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" TargetMode="External" Target="{}" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"/></Relationships>'
    )
    action = b"/OpenAction << /S /URI /URI (%b) >> /AA << /WC << /S /JavaScript /JS (app.launchURL\\(%b\\)) >> >> >>"
    return {
        "entity.docx": word_with_body(paragraph, doctype=entity.format(f"{address}/x")),
        "file.docx": word_with_body(paragraph, doctype=entity.format(f"file://{file}")),
        "template.docx": with_part(word("end"), "word/_rels/settings.xml.rels", template.format(address).encode()),
        "embedded.html": (
            f"<html><head><base href='{address}/'><link rel=stylesheet href='{address}/a.css'>"
            f"<meta http-equiv=refresh content='0;url={address}/b'><script src='{address}/c.js'></script></head>"
            f"<body onload=\"fetch('{address}/d')\">end<script>document.write('{address}')</script>"
            f"<img src='{address}/e' onerror=alert(1)><iframe src='file://{file}'></iframe>"
            f"<object data='{address}/f'></object><svg><image href='{address}/g'/></svg>"
            "<style>@import 'x.css';</style><noscript>unseen</noscript><template>unseen</template></body></html>"
        ).encode(),
        "action.pdf": raw_pdf({1: CATALOG[:-2] + action.replace(b"%b", address.encode())}),
        "file.pdf": raw_pdf({4: f"<< /Length 0 /F ({file}) /FFilter /FlateDecode >>\nstream\n\nendstream".encode()}),
        "address.pdf": raw_pdf({4: f"<< /Length 0 /F << /FS /URL /F ({address}) >> >>\nstream\n\nendstream".encode()}),
    }


def test_no_document_makes_us_fetch_or_read_anything(tmp_path: Path) -> None:
    """No address in it is asked, no file of this machine gets into its text, and no script of it either."""
    folder = tmp_path / "documents"
    folder.mkdir()
    file = tmp_path / "canary.txt"
    file.write_text("canary of this machine")
    with raw_server(answer(b"canary of elsewhere")) as server, watched(file) as was_opened:
        traps = _traps(server.url.removesuffix("/v1/chat/completions"), file)
        for name, content in traps.items():
            (folder / name).write_bytes(content)
        taken_in = take_in(folder)
        assert server.requests == []
        assert not was_opened()
    assert len(taken_in.outcomes) == len(traps)
    texts = {document.custom_id: document.text for document in taken_in.documents}
    assert not [name for name, text in texts.items() if "canary" in text or "script" in text or "unseen" in text]
    assert (texts["embedded.html"], texts["template.docx"]) == ("end", "end")


ENTITIES = {
    "a billion laughs": "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)) + '<!ENTITY e0 "ha">',
    "one large entity, often": f'<!ENTITY e9 "{"x" * 100_000}">',
    "an entity that holds itself": '<!ENTITY e9 "&e9;">',
    "a circle of entities": '<!ENTITY e9 "&e8;"><!ENTITY e8 "&e9;">',
}


@pytest.mark.parametrize("case", ENTITIES)
def test_no_entity_grows_or_goes_round(tmp_path: Path, case: str) -> None:
    """It is refused, and the next document is read."""
    body = "<w:p><w:r><w:t>" + "&e9;" * 10_000 + "</w:t></w:r></w:p>"
    bomb = word_with_body(body, doctype=f"<!DOCTYPE w:document [{ENTITIES[case]}]>")
    (tmp_path / "a.docx").write_bytes(bomb)
    (tmp_path / "z.txt").write_text("neighbour")
    taken_in = take_in(tmp_path, limits=IntakeLimits(reader_cpu_s=READER_CPU_S))
    assert taken_in.ids == ["z.txt"]
    assert taken_in.codes in (["malformed"], ["too_large"], ["too_costly"])
