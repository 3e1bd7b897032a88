from __future__ import annotations

import pytest

from producer.documents.batch_line import is_batch_line, read_batch_line
from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError


def _line(*messages: object) -> dict[str, object]:
    return {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o", "temperature": 0, "messages": list(messages)},
    }


def test_the_users_messages_are_the_text_and_the_systems_are_metadata() -> None:
    """Users' messages are joined as text, the system's go to metadata, the assistant's are left out."""
    line = _line(
        {"role": "system", "content": "Extract."},
        {"role": "developer", "content": "As JSON."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]},
    )
    assert read_batch_line(line) == Extract("one\n\ntwo\n\nthree", metadata={"system": "Extract.\n\nAs JSON."})


def test_without_a_system_message_there_is_no_metadata() -> None:
    """Nothing is made up."""
    assert read_batch_line(_line({"role": "user", "content": "one"})) == Extract("one")


def test_a_row_is_a_batch_line_by_its_four_keys() -> None:
    """All four keys make a batch line."""
    assert is_batch_line(_line())
    assert not is_batch_line({"custom_id": "a", "body": {}})


@pytest.mark.parametrize(
    "line",
    [
        {**_line(), "body": "x"},
        {**_line(), "body": {"input": "x"}},
        _line("x"),
        _line({"content": "x"}),
        _line({"role": "user"}),
        _line({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
        _line({"role": "user", "content": ["x"]}),
        _line({"role": "user", "content": [{"type": "text", "text": 1}]}),
    ],
)
def test_other_requests_than_text_chats_are_refused(line: dict[str, object]) -> None:
    """Embeddings, images and broken messages are refused, not read in part."""
    with pytest.raises(RefusedInputError) as caught:
        read_batch_line(line)
    assert caught.value.code is RefusalCode.INVALID_ROW
