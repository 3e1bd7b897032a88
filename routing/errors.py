"""Every error this project raises on purpose, one leaf per decision a caller can take.

CheapfirstError
├── UsageError                 the user's command, file or name is wrong; fix it and run again (exit 2)
│   ├── InvalidFileError       a task or deployment file, with every problem found in it
│   ├── JobConflictError       a job of this name exists with other content
│   └── NotFoundError          no such job, item, task, queue or model
├── AnswerRejectedError        an item that an application asked for failed; look at it, do not ask again (exit 1)
├── ServiceUnreachableError    broker, ledger or provider cannot be reached; start it, then run again (exit 3)
└── ProviderError              a model call brought no answer
    ├── ProviderTroubleError   429, 5xx, timeout, refused connection: wait, then try the same call again
    └── CallRefusedError       the provider will never accept this call (key, model name, size): do not retry
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.json_value import JsonObject


class CheapfirstError(Exception):
    """What happened, and what to do next, in one sentence each.

    `message` names the place (file, line, item); `hint` is the next step, or empty where the message says it.
    Neither ever holds document text, a prompt or a key.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UsageError(CheapfirstError):
    """The user's command, file or name is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file. `line` and `column` count from 1; 0 where the place is the whole file."""

    file: str
    line: int
    column: int
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}{f' ({self.suggestion})' if self.suggestion else ''}"


class InvalidFileError(UsageError):
    """A file with mistakes; `problems` holds all of them, in the order of their lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.args = (tuple(problems),)
        self.problems = tuple(problems)


class JobConflictError(UsageError):
    """A job of this name exists with other content."""


class NotFoundError(UsageError):
    """No such job, item, task, queue or model."""


class AnswerRejectedError(CheapfirstError):
    """The one item that was asked for failed: no tier's answer passed, or no tier could be asked.

    `fail_reason` says which, `rejected_output` is the best answer there is, None without one; `job` and `custom_id` are
    the item's reference.
    """

    def __init__(
        self,
        message: str,
        hint: str,
        *,
        job: str,
        custom_id: str,
        fail_reason: str,
        rejected_output: JsonObject | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.job = job
        self.custom_id = custom_id
        self.fail_reason = fail_reason
        self.rejected_output = rejected_output

    def __reduce__(self) -> tuple[object, ...]:
        told = {name: getattr(self, name) for name in ("job", "custom_id", "fail_reason", "rejected_output")}
        return partial(type(self), **told), (self.message, self.hint)


class ServiceUnreachableError(CheapfirstError):
    """Broker, ledger or provider cannot be reached."""


class ProviderError(CheapfirstError):
    """A model call brought no answer."""


class Trouble(StrEnum):
    """Why a provider could not answer just now."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"  # 5xx
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # refused, reset, DNS, TLS
    BAD_BODY = "bad_body"  # too large, not JSON, wrong shape, wrong charset
    CIRCUIT_OPEN = "circuit_open"  # not called: it failed too often a moment ago


class ProviderTroubleError(ProviderError):
    """The provider could not answer just now; the same call may succeed later. Never a reason to escalate.

    `http_calls` is how many exchanges there were all the same.
    """

    def __init__(self, message: str, trouble: Trouble, retry_after_s: float = 0.0, http_calls: int = 0) -> None:
        super().__init__(message)
        self.args = (message, trouble, retry_after_s, http_calls)
        self.trouble = trouble
        self.retry_after_s = retry_after_s
        self.http_calls = http_calls


class CallRefusedError(ProviderError):
    """The provider will never accept this call; `status` is its HTTP status.

    `http_calls` is how many exchanges it took to know.
    """

    def __init__(self, message: str, status: int, http_calls: int = 0) -> None:
        super().__init__(message)
        self.args = (message, status, http_calls)
        self.status = status
        self.http_calls = http_calls
