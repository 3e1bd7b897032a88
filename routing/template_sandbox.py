"""Where templates run: Jinja's sandbox, with a bound on the work one template may make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import _PassArg

from routing.template_language import CHARGED, METHODS, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jinja2.runtime import Context

MAX_WORK = 32_000_000
"""Of one rendering, in characters read and written: a few of the longest documents, or 80 000 steps (below 0.1 s)."""
STEP_WORK = 400
ELEMENT_WORK = 100
_LINE_WORK = 30
WORK = " work"
"""Where the context of a rendering keeps its `Work`; no template can write this name."""
_MOST = 2**63
_MOST_PLACES = 15
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "indent", "int", "items", "join", "last"),
    *("length", "list", "lower", "map", "max", "min", "replace", "reverse", "round", "sort", "string", "title"),
    *("tojson", "trim", "truncate", "unique", "upper", "wordcount"),
)


_OF_LETTERS: Mapping[str, int] = {
    **dict.fromkeys(("join", "list", "max", "min", "unique"), ELEMENT_WORK),
    "map": 4 * ELEMENT_WORK,
    "sort": 4 * ELEMENT_WORK,
    "title": 40,
    "wordcount": 20,
    "capitalize": 2,
    "float": 4,
    "int": 4,
}
"""What a filter costs for each letter of a text, beyond reading it: some take a text apart, or look at each word.

Measured over a million letters; a unit stands for about 3 ns.
"""
_OF_ELEMENTS: Mapping[str, int] = {"map": 3 * ELEMENT_WORK, "sort": 3 * ELEMENT_WORK}
"""The same for each element of a list."""
_SPLITTING = 10
"""What `split` costs for each letter."""


class TooMuchError(SecurityError):
    """A template asked for what the sandbox does not give; the message holds no word of a document."""


class Work:
    """Counts what one rendering does, and ends it with TooMuchError where that is too much."""

    def __init__(self) -> None:
        self._left = MAX_WORK

    def add(self, *values: object) -> None:
        """Count one step over these values."""
        self.add_characters(STEP_WORK + sum(map(_size, values)))

    def add_characters(self, count: int) -> None:
        """Count characters that are about to be written."""
        self._left -= count
        if self._left < 0:
            raise TooMuchError("it takes too many steps")


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    return ELEMENT_WORK * len(value) if isinstance(value, list | tuple | dict | range) else 0


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with what `routing.template_language` leaves of it. Render with a `Work` under WORK."""

    intercepted_binops = frozenset({"*", "/", "//", "%"})

    def __init__(self) -> None:
        # Nothing is escaped: the text goes to a model, not into a page.
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
        self.globals = {"range": self.globals["range"]}
        self.filters = {name: _counted(name, _BEFORE.get(name)) for name in _FILTERS}
        self.filters |= {CHARGED: _charged, STEPS: _steps}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - Jinja's own
        """Work on numbers only: Python's forms for texts and lists can fill the memory."""
        if not (_is_number(left) and _is_number(right)):
            raise TooMuchError(f"`{operator}` is for numbers")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, called: Any, /, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Call `range`, or a method of a text, a list or an object."""
        owner = getattr(called, "__self__", None)
        if called is not self.globals["range"]:
            if not (isinstance(owner, str | dict | list) and called.__name__ in METHODS):
                raise TooMuchError("only methods of texts, lists and objects can be called")
            context[WORK].add(owner)
            if called.__name__ == "split":
                context[WORK].add_characters(_SPLITTING * len(owner))
        return super().call(context, called, *arguments, **options)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and -_MOST < value < _MOST


@pass_context
def _charged(context: Context, value: object) -> object:
    context[WORK].add(value)
    return value


@pass_context
def _steps(context: Context, values: Iterable[object]) -> Iterator[object]:
    work: Work = context[WORK]
    for value in values:
        work.add()
        yield value


def _joined(values: list[object], d: str = "", **_: object) -> int:
    return len(values) * len(d)


def _replaced(text: str, old: str, new: str, _count: int | None = None) -> int:
    return str(text).count(str(old)) * len(str(new))


def _indented(text: str, width: int | str = 4, *_: object, **__: object) -> int:
    return (str(text).count("\n") + 1) * (_LINE_WORK + (len(width) if isinstance(width, str) else width))


def _json(_: object, indent: int | None = None) -> int:
    return _within(indent or 0)


def _rounded(_: object, precision: int = 0, __: str = "common") -> int:
    return _within(precision)


def _within(places: int) -> int:
    if not -_MOST_PLACES <= places <= _MOST_PLACES:
        raise TooMuchError(f"at most {_MOST_PLACES} places can be asked for")
    return 0


_BEFORE: Mapping[str, Callable[..., int]] = {
    "join": _joined,
    "replace": _replaced,
    "indent": _indented,
    "tojson": _json,
    "round": _rounded,
}
"""What a filter will write beyond what it reads, or why it will not."""


def _apart(name: str, value: object) -> int:
    """Return what it costs a filter to take a value apart."""
    if isinstance(value, str):
        return _OF_LETTERS.get(name, 0) * len(value)
    return _OF_ELEMENTS.get(name, 0) * len(value) if isinstance(value, list | tuple | dict | range) else 0


def _counted(name: str, before: Callable[..., int] | None) -> Callable[..., Any]:
    """Return a filter of Jinja's that counts what it reads and writes; `before` says what it will write, where more."""
    filter_: Callable[..., Any] = FILTERS[name]
    passes = getattr(filter_, "jinja_pass_arg", None)

    @pass_context
    def counted(context: Context, value: object, *arguments: object, **options: object) -> object:
        work: Work = context[WORK]
        if not isinstance(value, str | list | tuple | dict | range) and hasattr(value, "__next__"):
            value = list(value)  # type: ignore[call-overload] # what another filter left to be read
        work.add(value, *arguments)
        work.add_characters(_apart(name, value))
        if before is not None:
            work.add_characters(before(value, *arguments, **options))
        first = {
            _PassArg.context: (context,),
            _PassArg.eval_context: (context.eval_ctx,),
            _PassArg.environment: (context.environment,),
            None: (),
        }[passes]
        result = filter_(*first, value, *arguments, **options)
        work.add(result)
        return result

    return counted
