"""Answers are kept within limits of age and size."""

from __future__ import annotations

from storage import answer_cache
from storage.answer_cache import CachedAnswer
from storage.database import Database


def _answer(key: str, text: str = "{}", *, max_age_ms: int = 60_000, task: str = "receipts") -> CachedAnswer:
    return CachedAnswer(
        key=key,
        task_name=task,
        answer=text,
        finish_reason="stop",
        input_tokens=3,
        output_tokens=4,
        tokens_estimated=True,
        logprobs='[["a",-0.5]]',
        max_age_ms=max_age_ms,
    )


def _keep(ledger: Database, *answers: CachedAnswer) -> None:
    with ledger.write() as connection:
        answer_cache.keep(ledger, connection, answers)


def test_what_is_kept_is_found_under_its_key(ledger: Database) -> None:
    """Whole, and the last one kept counts."""
    _keep(ledger, _answer("a"), _answer("b"), _answer("a", '{"total":1}'))
    _keep(ledger, _answer("b", '{"total":2}'))
    found = answer_cache.find(ledger, ["a", "b", "c"])
    assert {key: answer.answer for key, answer in found.items()} == {"a": '{"total":1}', "b": '{"total":2}'}
    assert (found["a"].input_tokens, found["a"].tokens_estimated, found["a"].logprobs) == (3, True, '[["a",-0.5]]')


def test_what_is_too_old_is_neither_found_nor_kept(ledger: Database) -> None:
    """Its age is counted by the database's clock."""
    _keep(ledger, _answer("old", max_age_ms=-1), _answer("new"))
    assert set(answer_cache.find(ledger, ["old", "new"])) == {"new"}
    assert answer_cache.drop_expired(ledger) == 1
    assert answer_cache.drop_expired(ledger) == 0


def test_the_oldest_go_first_where_a_task_keeps_too_much(ledger: Database) -> None:
    """Other tasks keep theirs."""
    for number in range(4):
        _keep(ledger, _answer(f"k{number}", "x" * 1000))
        with ledger.write() as connection:
            connection.exec_driver_sql(f"UPDATE cached_answers SET stored_ms = {number} WHERE key = 'k{number}'")
    _keep(ledger, _answer("other", "x" * 5000, task="letters"))
    each = answer_cache.size_bytes(ledger, "receipts") // 4
    assert answer_cache.drop_beyond(ledger, "receipts", 2 * each + 10) == 2
    assert set(answer_cache.find(ledger, ["k0", "k1", "k2", "k3", "other"])) == {"k2", "k3", "other"}
