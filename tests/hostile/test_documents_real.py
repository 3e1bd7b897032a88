"""Real PDFs of strangers, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.documents import take_in

DATA = Path(os.environ.get("CHEAPFIRST_DATA", Path(__file__).parents[2] / "../shared/data"))
PDFS = DATA / "pdf_documents/pdfs"


@pytest.mark.skipif(not PDFS.is_dir(), reason=f"no real PDFs at {PDFS}; CHEAPFIRST_DATA names the folder of real data")
def test_real_pdfs_are_read_or_said_to_be_scanned() -> None:
    """Filings, papers and tables give their text and pages; scanned résumés are said to need OCR."""
    taken_in = take_in(PDFS)
    assert len(taken_in.outcomes) == len(list(PDFS.iterdir()))
    assert set(taken_in.codes) == {"no_text_layer"}
    assert all(refusal.source.split("/")[-1].startswith("Resume") for refusal in taken_in.refusals)
    (filing,) = [document for document in taken_in.documents if document.custom_id == "adp_10q_fy2025q2.pdf"]
    assert filing.pages == 43
    assert "AUTOMATIC DATA PROCESSING, INC." in filing.text
    assert "Available-for-sale" in filing.text
