"""A user's Python file with a pydantic model, run from its frozen text, with mistakes told by file and line.

The file is the user's own code, as trusted as their shell; it is documents and models' answers that are not.
"""

from __future__ import annotations

import itertools
import sys
import traceback
import types

from pydantic import BaseModel

from routing.closest import closest
from routing.errors import InvalidFileError, Problem

_module_numbers = itertools.count(1)


def load_model(source: str, class_name: str, file: str) -> type[BaseModel]:
    """Run `source` as a fresh module and return its model of this name.

    Raises InvalidFileError with the line of the mistake.
    """
    # pydantic looks names up in the module a class says it is from, while it builds the class.
    module = types.ModuleType(f"cheapfirst_schema_{next(_module_numbers)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102  the user's own code, as the task says
        model = _find_model(module, class_name, file)
        model.model_rebuild()
    except InvalidFileError:
        raise
    except (Exception, SystemExit) as error:
        raise InvalidFileError([_problem(error, file)]) from error
    finally:
        del sys.modules[module.__name__]
    return model


def _find_model(module: types.ModuleType, class_name: str, file: str) -> type[BaseModel]:
    models = {name: value for name, value in vars(module).items() if _is_model(value)}
    model = models.get(class_name)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return model
    near = closest(class_name, models) or min(models, default="")
    what = "is no pydantic model" if hasattr(module, class_name) else "does not exist"
    suggestion = f"did you mean `{near}`?" if near else "define a class that inherits from pydantic.BaseModel"
    raise InvalidFileError([Problem(file, 0, 0, f"`{class_name}` {what} in this file", suggestion)])


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel


def _problem(error: BaseException, file: str) -> Problem:
    message = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, SyntaxError) and error.filename == file:
        return Problem(file, error.lineno or 0, error.offset or 0, message)
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return Problem(file, lines[-1] if lines else 0, 1 if lines else 0, message)
