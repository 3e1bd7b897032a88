"""Templates of prompts: sandboxed, strict about what they name, and bounded in what they write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from jinja2 import TemplateError, TemplateSyntaxError, meta

from routing.errors import UsageError
from routing.template_language import ForbiddenError, counted, is_short
from routing.template_sandbox import WORK, Sandbox, TooMuchError, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RENDERED_CHARACTERS = 16 * 1024 * 1024
_NAMED = re.compile(
    r"'(\w+)' is undefined|'[\w ]+' has no attribute '(\w+)'|access to attribute '(\w+)' of '\w+' object is unsafe\."
)

_PLACE = re.compile(r"\{\{ *(text|custom_id) *\}\}")
_PLAIN_CHARACTERS = 1_000_000
"""Up to here, plain places are filled in without Jinja, and so without its bounds."""


class TemplateProblemError(UsageError):
    """A template that cannot be compiled; `line` counts from 1 in its text."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.args = (message, line)
        self.line = line


def is_template(text: str) -> bool:
    """Tell whether a text has anything to fill in."""
    return "{{" in text or "{%" in text or "{#" in text


class Template:
    """A compiled template. Its variables are data: a document that looks like a template stays as it is.

    Raises TemplateProblemError where the text is not a template.
    """

    _environment: ClassVar = Sandbox()

    def __init__(self, text: str) -> None:
        self._source = text
        self._literal = None if is_template(text) else text
        self.variables: frozenset[str] = frozenset()
        if self._literal is None:
            self._compile(text)

    def _compile(self, text: str) -> None:
        try:
            if not is_short(self._environment, text):
                raise TemplateProblemError("This template is too long: give texts, not programs.", 1)
            tree = counted(self._environment.parse(text))
            self.variables = frozenset(meta.find_undeclared_variables(tree))
            self._template = self._environment.from_string(tree)
            self._plain = _plain_parts(text)
        except ForbiddenError as error:
            raise TemplateProblemError(error.message, error.line) from None
        except TemplateSyntaxError as error:
            raise TemplateProblemError(error.message or "This is not a template.", error.lineno) from None
        except (TemplateError, RecursionError, ValueError, SyntaxError, MemoryError) as error:
            raise TemplateProblemError(f"This template cannot be compiled ({type(error).__name__}).", 1) from None

    def render(self, variables: Mapping[str, object]) -> str:
        """Fill it in. Raises UsageError where it names something that is not given, or works without end."""
        if self._literal is not None:
            return self._literal
        if self._plain is not None and (written := _filled_in(self._plain, variables)) is not None:
            return written
        try:
            return self._bounded(variables)
        except TemplateError as error:
            raise UsageError(f"A template cannot be filled in: {self._told(error)}.") from None
        except Exception as error:  # noqa: BLE001 - templates are code of the user's; whatever they raise is theirs
            raise UsageError(f"A template cannot be filled in: {type(error).__name__}.") from None

    def _told(self, error: TemplateError) -> str:
        """Return what an error says where it names nothing but words of the template: a key may be the document's."""
        message = str(error)
        named = _NAMED.fullmatch(message)
        is_ours = isinstance(error, TooMuchError) or (named is not None and named[named.lastindex or 0] in self._source)
        return message.removesuffix(".") if is_ours else type(error).__name__

    def _bounded(self, variables: Mapping[str, object]) -> str:
        parts: list[str] = []
        size = 0
        for part in self._template.generate({**variables, WORK: Work()}):
            size += len(part)
            if size > MAX_RENDERED_CHARACTERS:
                raise TooMuchError(f"it writes more than {MAX_RENDERED_CHARACTERS} characters")
            parts.append(part)
        return "".join(parts)


def _plain_parts(text: str) -> list[str] | None:
    """Return literals and names in turn where a template only puts texts in, None where it does more.

    A context of Jinja's costs more than all else that is done to write a prompt.
    """
    parts = _PLACE.split(text)
    is_plain = len(parts) > 1 and not any(
        is_template(part) or "\r" in part or part.endswith("{") for part in parts[::2]
    )
    return parts if is_plain else None


def _filled_in(parts: list[str], variables: Mapping[str, object]) -> str | None:
    """Return what plain parts make, None where Jinja has to say it: nothing is given, or very much."""
    filled = list(parts)
    for at in range(1, len(parts), 2):
        value = variables.get(parts[at])
        if type(value) is not str:
            return None
        filled[at] = value
    written = "".join(filled)
    return written if len(written) <= _PLAIN_CHARACTERS else None
