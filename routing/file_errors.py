"""Turning what pydantic says of a file into mistakes with places and suggestions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from routing.closest import closest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pydantic_core import ErrorDetails

    from routing.errors import Problem
    from routing.yaml_source import Path, YamlSource

M = TypeVar("M", bound=BaseModel)

MOST_SUGGESTIONS = 50
"""Of one file: looking for the word that was meant takes longer than finding the mistake."""


def validate(model: type[M], source: YamlSource) -> tuple[M | None, list[Problem]]:
    """Return a file's data as a model, with every mistake in it.

    What is wrong is left out of the model, so that the rest can be checked further and all mistakes are told at once;
    None where too much is wrong for that.
    """
    try:
        return model.model_validate(source.data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = [_problem(detail, model, source, suggest=n < MOST_SUGGESTIONS) for n, detail in enumerate(details)]
    wrong = {detail["loc"] for detail in details}
    try:
        return model.model_validate(_without(source.data, wrong)), problems
    except ValidationError:
        return None, problems


def _without(data: Any, wrong: set[Path], at: Path = ()) -> Any:  # noqa: ANN401 - YAML holds anything
    if isinstance(data, dict):
        return {key: _without(value, wrong, (*at, key)) for key, value in data.items() if (*at, key) not in wrong}
    if isinstance(data, list):
        return [_without(value, wrong, (*at, index)) for index, value in enumerate(data)]
    return data


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems without repetitions, by file and place."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))


def nearest(name: str, known: Collection[str]) -> str:
    """Return a suggestion for a name that is not known, empty where nothing is near."""
    close = closest(name, known)
    return "" if close is None else f"did you mean `{close}`?"


def _problem(detail: ErrorDetails, model: type[BaseModel], source: YamlSource, *, suggest: bool) -> Problem:
    path = detail["loc"]
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        known = _keys_at(model, detail["loc"][:-1]) if suggest else []
        suggestion = (nearest(key, known) or f"known here: {', '.join(sorted(known))}") if known else ""
        return source.problem(path, f"`{key}` is not a key here", suggestion, at_key=True)
    if detail["type"] == "missing":
        return source.problem(path[:-1] if path in source.values else path, f"`{key}` is missing")
    message = detail["msg"].removeprefix("Value error, ")
    return source.problem(path, f"{message[:1].lower()}{message[1:]}")


def _keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    at: Any = model
    for step in location:
        at = _inner(at, step)
    found = _model_of(at)
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _inner(annotation: Any, step: str | int) -> Any:  # noqa: ANN401 - annotations have no common type
    if get_origin(annotation) in {dict, list}:
        return get_args(annotation)[-1]
    model = _model_of(annotation)
    fields = {} if model is None else {field.alias or name: field for name, field in model.model_fields.items()}
    return fields[step].annotation if isinstance(step, str) and step in fields else None


def _model_of(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations have no common type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_of(part)) is not None), None)
