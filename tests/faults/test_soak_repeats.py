"""The rule of the soak tells a call that died with its worker from one that was paid for twice for no reason."""

from __future__ import annotations

from collections import Counter

from evaluation.model_server.call_ledger import document_hash
from gateway.gateway import PROBE
from tests.faults.soak.repeats import answers, judge_repeats
from tests.support.runs import invoice


def test_a_kill_excuses_one_more_call_of_each_document_in_hand() -> None:
    """As many as the killed workers held at most: a document that two of them held may be called three times."""
    found = judge_repeats({"small:a": 2, "small:b": 3, "small:c": 1}, Counter({"small:a": 1, "small:b": 2}))
    assert (found.paid_twice, found.at_risk, found.unexplained, found.told()) == (3, 3, {}, [])


def test_what_no_kill_explains_is_told() -> None:
    """However much else was at risk: the excuse is of that document, that model and that often, and of no other."""
    held = Counter({"small:a": 1, "small:b": 1, "small:c": 1, "small:d": 1})
    found = judge_repeats({"small:a": 3, "large:b": 2, "small:e": 2, "small:c": 1}, held)
    assert found.unexplained == {"small:a": 1, "large:b": 1, "small:e": 1}
    assert found.told() == ["3 of 4 repeated calls are of documents no killed worker held: small:a, large:b, small:e"]


def test_documents_are_known_by_what_was_asked() -> None:
    """Small calls are left out, and a document that nobody submitted is told apart."""
    text = document_hash(invoice(7)["text"])
    probe = document_hash(PROBE.messages[0].content)
    counted = {f"small:{text}": 2, f"large:{text}": 1, f"small:{probe}": 40, "small:else": 1}
    assert answers(counted, [7, 8]) == ({"small:invoice-7": 2, "large:invoice-7": 1}, ["small:else"])
