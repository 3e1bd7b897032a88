"""The Celery application that Flower looks through: ours, and Flower's broker page with every queue of the deployment.

Flower 2.2 lists the queues of those workers it happens to have asked, and only the default queue until it asked one. So
a queue without a worker is not shown, and that is the one to worry about.

Importing this module does nothing; asking it for `app` reads the environment and the deployment file.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flower.views import BaseHandler

from routing.errors import CheapfirstError
from workers.app import DEFAULT_TIERS, create_app
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workers.app import WorkerApp


def show_queues(queues: Iterable[str]) -> None:
    """Have Flower's broker page and its API list these queues beside those it finds.

    Flower has no setting for this; all its handlers ask this one method of their base class.
    """
    find = BaseHandler.get_active_queue_names
    known = frozenset(queues)

    def known_and_found(handler: BaseHandler) -> list[str]:
        return sorted(known.union(find(handler)))

    BaseHandler.get_active_queue_names = known_and_found


def _flower_app() -> WorkerApp:
    application = create_app(read_settings())
    show_queues((*DEFAULT_TIERS, *application.deployment.queues))
    return application


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(name)
    try:
        application = _flower_app()
    except CheapfirstError as error:
        sys.exit(f"cheapfirst: {error}")
    globals()["app"] = application
    return application
