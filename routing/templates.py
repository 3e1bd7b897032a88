"""Templates of prompts: sandboxed, strict about what they name, and bounded in what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RENDERED_CHARACTERS = 16 * 1024 * 1024


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

    # Nothing is escaped: the text goes to a model, not into a page.
    _environment: ClassVar = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )

    def __init__(self, text: str) -> None:
        self._literal = None if is_template(text) else text
        try:
            tree = self._environment.parse(text)
            self.variables = frozenset(meta.find_undeclared_variables(tree))
            self._template = self._environment.from_string(text)
        except TemplateSyntaxError as error:
            raise TemplateProblemError(error.message or "This is not a template.", error.lineno) from None
        except (TemplateError, RecursionError, ValueError) as error:
            raise TemplateProblemError(f"This template cannot be compiled ({type(error).__name__}).", 1) from None

    def render(self, variables: Mapping[str, object]) -> str:
        """Fill it in. Raises UsageError where it names something that is not given, or writes without end."""
        if self._literal is not None:
            return self._literal
        try:
            return self._bounded(variables)
        except TemplateError as error:  # its messages name variables, never values
            raise UsageError(f"A template cannot be filled in: {error}.") from None
        except Exception as error:  # noqa: BLE001 - templates are code of the user's; whatever they raise is theirs
            raise UsageError(f"A template cannot be filled in: {type(error).__name__}.") from None

    def _bounded(self, variables: Mapping[str, object]) -> str:
        parts: list[str] = []
        size = 0
        for part in self._template.generate(variables):
            size += len(part)
            if size > MAX_RENDERED_CHARACTERS:
                raise SecurityError(f"it writes more than {MAX_RENDERED_CHARACTERS} characters")
            parts.append(part)
        return "".join(parts)
