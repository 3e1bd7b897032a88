"""`functools.cached_property` without a lock, as it is from Python 3.12 on: the lock takes half of its time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:

    class cached_property:  # noqa: N801 - as functools has it
        """What a method returns, kept in the instance's `__dict__` under its name from the first time on."""

        def __init__(self, method: Any) -> None:  # noqa: ANN401
            self._method = method
            self.__doc__ = method.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:  # noqa: ANN401
            if instance is None:
                return self
            value = instance.__dict__[self._name] = self._method(instance)
            return value


__all__ = ["cached_property"]
