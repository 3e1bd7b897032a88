"""Asking a tier only for the fields that failed, and putting its answer together with what is known already."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from routing.completion import Message
from routing.field_path import parse_path
from routing.verdict import CheckName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from routing.completion import Prompt
    from routing.json_value import JsonObject
    from routing.verdict import Failure, Verdict

_REDUCIBLE = frozenset(
    {"type", "title", "description", "properties", "required", "additionalProperties", "$defs", "definitions"}
    | {"$schema", "$id", "$comment", "examples", "default"}
)
"""What a schema may say at its root for a part of it to mean the same; conditions over several fields do not."""

_ONLY = "Give these fields only: "
_ASKED = re.compile(rf"{_ONLY}(`.+`)\.\Z")


def failed_fields(verdict: Verdict, json_schema: JsonObject) -> tuple[str, ...]:
    """Return the top-level fields that failed, in the schema's order; none where the whole object has to be asked.

    That is so where there is no object, where a failure is of no field in particular, where every field failed, and
    where the schema says something at its root that cannot be said of a part.
    """
    properties = json_schema.get("properties")
    if verdict.output is None or not isinstance(properties, dict) or not _REDUCIBLE.issuperset(json_schema):
        return ()
    named = [_fields_of(failure) for failure in verdict.failures]
    if not all(named):
        return ()
    failed = {name for names in named for name in names}
    if not failed < set(properties):
        return ()
    return tuple(name for name in properties if name in failed)


def _fields_of(failure: Failure) -> frozenset[str]:
    if failure.check is CheckName.PARSE:
        return frozenset()
    paths = (failure.field,) if failure.field else failure.related
    return frozenset(str(parse_path(path)[0]) for path in paths)


def part_of_schema(json_schema: JsonObject, fields: Iterable[str]) -> JsonObject:
    """Return the schema of an object that has these fields only."""
    asked = list(fields)
    properties, required = json_schema["properties"], json_schema.get("required")
    assert isinstance(properties, dict)
    needed = set(required) if isinstance(required, list | tuple) else set()
    return {
        **json_schema,
        "properties": {name: properties[name] for name in asked},
        "required": [name for name in asked if name in needed],
    }


def ask_for(prompt: Prompt, json_schema: JsonObject, fields: Sequence[str]) -> Prompt:
    """Return a prompt that asks for these fields of the same document; what the first answer said is not told.

    A second reading that knows the first tends to repeat it.
    """
    named = ", ".join(f"`{name}`" for name in fields)
    # Each set of fields has a schema of its own in front of the instructions: not worth a place in a provider's cache.
    *before, last = (dataclasses.replace(message, stable=False) for message in prompt.messages)
    request = f"{last.content}\n\n{_ONLY}{named}."
    return dataclasses.replace(
        prompt,
        messages=(*before, Message(last.role, request)),
        schema=json_schema,
    )


def fields_asked(request: str) -> tuple[str, ...]:
    """Return the fields that a request made by `ask_for` is limited to, none where it asks for everything."""
    match = _ASKED.search(request)
    return () if match is None else tuple(match[1].strip("`").split("`, `"))


def merged(known: JsonObject, answer: JsonObject, fields: Sequence[str]) -> JsonObject:
    """Return what is known with these fields as the answer gives them; one it leaves out is not there."""
    asked = frozenset(fields)
    kept = {name: value for name, value in known.items() if name not in asked}
    new = {name: answer[name] for name in fields if name in answer}
    order = {name: place for place, name in enumerate((*known, *fields))}
    return dict(sorted((kept | new).items(), key=lambda member: order[member[0]]))
