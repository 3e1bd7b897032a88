"""Templates: sandboxed, strict, bounded; a document is data, whatever it looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.completion import Message
from routing.errors import UsageError
from routing.prompts import PromptSet
from routing.row_reader import RowReader
from routing.task import InputSpec
from routing.templates import Template, TemplateProblemError
from tests.support.ledgers import TASK

DEEP = "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"


@given(st.text())
def test_a_document_stays_as_it_is(text: str) -> None:
    """Not even a document full of braces is taken for a template."""
    assert Template("<{{ text }}>").render({"text": text}) == f"<{text}>"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ text.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ metadata.update({'a': 1}) }}",
        "{% for i in range(10000000) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
        "{{ missing }}",
        "{{ metadata.missing.deeper }}",
        "{{ 1 / 0 }}",
        "{{ text | no_such_filter }}",
    ],
)
def test_what_a_template_may_not_do_is_refused(template: str) -> None:
    """No way out of the sandbox, no endless text, nothing undefined; and the error never quotes the document."""
    with pytest.raises(UsageError) as caught:
        Template(template).render({"text": "the secret document", "metadata": {}})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("template", "line"), [("a\n{{ b", 2), ("{% endif %}", 1), ("{{ }}", 1), ("{% if %}x", 1), (DEEP, 1)]
)
def test_what_is_no_template_is_told_with_its_line(template: str, line: int) -> None:
    """The user learns where, before anything runs."""
    with pytest.raises(TemplateProblemError) as caught:
        Template(template)
    assert caught.value.line == line


def test_a_plain_text_is_itself() -> None:
    """A prompt without anything to fill in is sent as it is, its last line break included."""
    assert Template("Extract { fields }.\n").render({}) == "Extract { fields }.\n"


def test_each_tier_is_told_its_own() -> None:
    """The system message is there where it says something; the schema goes with every prompt."""
    tiers = (
        TASK.tiers[0].model_copy(update={"system": "For {{ metadata.shop }}.", "user": "{{ custom_id }} {{ pages }}"}),
        TASK.tiers[1].model_copy(update={"system": "  ", "user": "{{ text }}"}),
    )
    prompts = PromptSet(TASK.model_copy(update={"tiers": tiers}), {"type": "object"})
    cheap = prompts.prompt("cheap", "document", {"shop": "A"}, "doc-1", 3)
    assert cheap.messages == (Message("system", "For A."), Message("user", "doc-1 3"))
    assert prompts.prompt("expensive", "document", {}).messages == (Message("user", "document"),)
    assert cheap.schema == {"type": "object"}


def test_a_system_message_without_variables_is_the_same_for_every_document() -> None:
    """It says so to the provider's cache; one that names the document, and the document itself, do not."""
    tiers = (
        TASK.tiers[0].model_copy(update={"system": "{# v2 #}Extract.", "user": "{{ text }}"}),
        TASK.tiers[1].model_copy(update={"system": "For {{ metadata.shop }}.", "user": "The same."}),
    )
    prompts = PromptSet(TASK.model_copy(update={"tiers": tiers}), {})
    told = [prompts.prompt(tier, "document", {"shop": "A"}).messages for tier in ("cheap", "expensive")]
    assert [[message.stable for message in messages] for messages in told] == [[True, False], [False, False]]


def test_rows_are_read_as_the_task_says() -> None:
    """Keys may lie in objects, hold dots, be numbers; a text may be written from several."""
    row = {"id": 7, "a.b": "dotted", "input": {"body": "text", "n": 1}, "labels": {"total": 9}, "flag": True}
    reader = RowReader(InputSpec(custom_id="id", text="input.body", expected="labels"))
    assert (reader.custom_id(row), reader.text(row), reader.expected(row)) == ("7", "text", {"total": 9})
    other = RowReader(InputSpec(custom_id="flag", text="{{ input.body }}-{{ input.n }}", expected="input.n"))
    assert (other.custom_id(row), other.text(row), other.expected(row)) == (None, "text-1", None)
    assert RowReader(InputSpec(text="a.b")).text(row) == "dotted"
    assert RowReader(InputSpec(text="input.n")).text(row) is None
    assert RowReader(InputSpec(text="nothing.there")).text(row) is None
    with pytest.raises(UsageError):
        RowReader(InputSpec(text="{{ nothing }}")).text(row)


@given(
    before=st.text(alphabet="a {}%#\r\n\\\u00e9"),
    between=st.text(alphabet="a {}%#\r\n"),
    text=st.text(),
)
def test_texts_are_put_in_as_jinja_would(before: str, between: str, text: str) -> None:
    """The short way to write a prompt writes the same prompt."""
    source = before + "{{ text }}" + between + "{{custom_id}}{{ text }}\n"
    try:
        template = Template(source)
    except TemplateProblemError:
        return
    variables = {"text": text, "custom_id": "d1", "metadata": {}, "pages": None}
    assert template.render(variables) == template._bounded(variables)


def test_a_text_that_is_not_given_is_told() -> None:
    """The short way leaves it to Jinja to say so."""
    with pytest.raises(UsageError, match="'text' is undefined"):
        Template("<{{ text }}>").render({})


def test_a_very_long_prompt_is_written_within_the_bounds() -> None:
    """A template that names a large document often meets the cap on what is written."""
    with pytest.raises(UsageError, match="more than"):
        Template("{{ text }}" * 20).render({"text": "a" * 1_000_000})
