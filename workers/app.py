"""The Celery application: `celery -A workers.app worker -Q cheap` runs a worker, and submitting publishes through it.

Importing this module does nothing; asking it for `app` reads the environment and the deployment file.
"""

from __future__ import annotations

import logging
import sys
from contextlib import closing, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.bootsteps import StartStopStep
from celery.signals import celeryd_init
from celery.worker.consumer.events import Events
from celery.worker.consumer.tasks import Tasks
from pydantic import ValidationError

from routing.errors import CheapfirstError, ServiceUnreachableError, UsageError
from workers.celery_messages import ChunkRequest, SlimAmqp
from workers.deployment import find_deployment, read_deployment
from workers.garbage import collect_seldom
from workers.messages import ChunkMessage, is_of_another_version
from workers.publishing import Publisher
from workers.settings import Settings, read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from routing.deployment import DeploymentSpec
    from workers.engine import Engine

log = logging.getLogger(__name__)

DEFAULT_TIERS = ("cheap", "expensive")
_WRONG_USAGE, _UNREACHABLE = 2, 3
"""How a worker process ends that cannot start, as commands do (`producer.cli.ending`)."""
_CONNECT_TIMEOUT_S = 5
_FLUSH_EVERY_S = 0.5
_LOOK_EVERY_S = 0.5
"""How long Flower waits for what happens here; Celery itself would tell each event by itself."""
_MOST_EVENTS = 500
_CHATTY = ("httpx", "celery.worker.strategy", "celery.app.trace")
"""They write lines for every call and every chunk, which Flower and `cheapfirst log` tell better. Failures are told.

`celery -A workers.app worker -l debug` has the lines all the same."""
_MAX_BROKER_CONNECTIONS = 1_000
"""kombu's own default raises `Too many connections` once threads publish side by side."""


class WorkerFaultError(Exception):
    """A fault of ours in a worker, told by its kind and its place.

    The error's own message may quote a document, and Celery writes what escapes a task to its log, to Redis as an
    event, and on Flower's pages.
    """


class WorkerApp(Celery):  # type: ignore[misc] # Celery is untyped
    """A Celery application of one deployment. It holds the engine where it runs as a worker."""

    amqp_cls = SlimAmqp
    engine: Engine | None = None
    worker_name = "worker"

    def __init__(self, settings: Settings, deployment: DeploymentSpec) -> None:
        super().__init__("cheapfirst", set_as_current=False)
        self.settings = settings
        self.deployment = deployment
        self.conf.update(_configuration(settings))
        for queue in dict.fromkeys((*DEFAULT_TIERS, *deployment.queues)):
            self.add_queue(queue)
        self.steps["consumer"].add(_FetchAhead)
        self.steps["consumer"].add(_Unpark)
        self.steps["consumer"].add(_TellEvents)
        celeryd_init.connect(self._prepare_worker)

    @cached_property
    def publisher(self) -> Publisher:
        """The publisher of this process."""
        return Publisher(self, self.deployment, self.settings.chunk)

    def add_queue(self, queue: str) -> None:
        """Define the task of a tier: it has the queue's name, so that Flower groups by tier."""
        if queue in self.tasks:
            return

        def run_chunk(**message: object) -> int:
            return self._run_chunk(queue, message)

        # Not shared: Celery would hand it to every other application of the process.
        self.task(run_chunk, name=queue, ignore_result=True, shared=False, Request=ChunkRequest)

    def _prepare_worker(self, sender: str, conf: Any, options: dict[str, Any], **_: object) -> None:  # noqa: ANN401
        queues = options.get("queues") or DEFAULT_TIERS[0]
        named = queues.split(",") if isinstance(queues, str) else list(queues)
        for queue in named:
            self.add_queue(queue)
        self.worker_name = sender
        if str(options.get("loglevel")).upper() != "DEBUG":
            for name in _CHATTY:
                logging.getLogger(name).setLevel(logging.WARNING)
        conf.worker_concurrency = sum(self.deployment.queue(queue).concurrency for queue in named)

    def _run_chunk(self, tier: str, message: dict[str, object]) -> int:
        try:
            chunk = ChunkMessage.model_validate(message)
        except ValidationError as error:
            if is_of_another_version(message):
                log.warning("A message on `%s` is of version %s and was parked", tier, message["v"])
                self.publisher.park(tier, message)
                return 0
            # Not requeued: the ledger still says what is queued, and the sweeper publishes it in a form we know.
            raise UsageError(f"A message on `{tier}` has {error.error_count()} faults and was put aside.") from None
        if self.engine is None:
            raise UsageError("This worker runs another pool.", "Start it without -P: its own pool holds the engine.")
        try:
            return self.engine.pipeline.run_chunk(tier, chunk.job, chunk.items)
        except CheapfirstError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, Celery would send its message on
            raise WorkerFaultError(type(error).__qualname__).with_traceback(error.__traceback__) from None

    def start_engine(self, limit: int) -> Engine:
        """Start the engine of this worker process, for the queues it consumes; end the process where it cannot start.

        Of a full Redis Celery would tell by a traceback; for one that is away it waits, and so do we.
        """
        try:
            self.engine = self._new_engine(limit)
        except CheapfirstError as error:
            sys.stderr.write(f"cheapfirst: {error}\n")
            sys.exit(_UNREACHABLE if isinstance(error, ServiceUnreachableError) else _WRONG_USAGE)
        collect_seldom()
        return self.engine

    def _new_engine(self, limit: int) -> Engine:
        from workers.broker import Broker
        from workers.engine import Engine

        assert self.settings.redis_url is not None
        with closing(Broker(self.settings.redis_url)) as broker:
            broker.require_room()
        return Engine(
            name=self.worker_name,
            queues=tuple(self.amqp.queues.consume_from),
            limit=limit,
            settings=self.settings,
            redis_url=self.settings.redis_url,
            deployment=self.deployment,
            publisher=self.publisher,
        )


def create_app(settings: Settings, task_folder: Path | None = None) -> WorkerApp:
    """Return the application for this environment. Raises UsageError where REDIS_URL or the deployment is missing."""
    from pathlib import Path

    if settings.redis_url is None:
        raise UsageError("REDIS_URL is not set.", "Set it to the broker's address, such as redis://:PASSWORD@HOST/0.")
    path = find_deployment(None, settings.deployment, task_folder, Path.cwd())
    return WorkerApp(settings, read_deployment(path))


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.redis_url.get_secret_value() if settings.redis_url else None,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "max_connections": _MAX_BROKER_CONNECTIONS,
            "socket_connect_timeout": _CONNECT_TIMEOUT_S,
            "socket_keepalive": True,
            "body_encoding": "utf-8",
            "priority_steps": [0],  # none are used, and each is another key of every question for a message
        },
        "accept_content": ["json"],
        "task_serializer": "json",
        "event_serializer": "json",
        "result_backend": None,
        "task_ignore_result": True,
        "task_acks_late": False,  # the ledger brings back what a dead worker held, within its lease
        "worker_pool": "workers.pool:GatedThreadPool",
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": True,
        "worker_redirect_stdouts": False,
        "task_default_queue": DEFAULT_TIERS[0],
        "task_create_missing_queues": True,
    }


class _FetchAhead(StartStopStep):  # type: ignore[misc] # Celery is untyped
    """Fetches one message ahead for each thread of the pool, however many it needs by now.

    Celery itself would fetch one for each call in flight, and hears only of what Flower changes: not of `scale`, nor of
    a gate that tunes itself, neither of which would fill.
    """

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:  # noqa: ANN401 - Celery's own signature
        super().__init__(consumer, **options)
        consumer.initial_prefetch_count = consumer.pool.num_processes
        self._timer: Any = None

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - Celery's own signature
        """Begin to look how many it needs, in the thread that fetches."""
        self._timer = consumer.timer.call_repeatedly(_LOOK_EVERY_S, _fetch_as_many_as_needed, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ANN401, ARG002 - Celery's own signature
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _fetch_as_many_as_needed(consumer: Any) -> None:  # noqa: ANN401 - Celery is untyped
    needed = consumer.pool.num_processes
    consumer.initial_prefetch_count = needed  # for the next connection
    more = needed - consumer.qos.value
    if more > 0:
        consumer.qos.increment_eventually(more)
    elif more < 0:
        consumer.qos.decrement_eventually(-more)


class _TellEvents(StartStopStep):  # type: ignore[misc] # Celery is untyped
    """Tells events twice a second, many at a time."""

    requires = (Events,)

    def __init__(self, consumer: Any, **options: Any) -> None:  # noqa: ANN401 - Celery's own signature
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - Celery's own signature
        """Begin with it; Celery's own loop for what follows each event is left out."""
        consumer.event_dispatcher.on_send_buffered = None
        consumer.event_dispatcher.buffer_limit = _MOST_EVENTS
        self._timer = consumer.timer.call_repeatedly(_FLUSH_EVERY_S, consumer.event_dispatcher.flush)

    def stop(self, consumer: Any) -> None:  # noqa: ANN401 - Celery's own signature
        """End it, with what there is to tell now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            with suppress(*consumer.connection_errors):
                consumer.event_dispatcher.flush()


class _Unpark(StartStopStep):  # type: ignore[misc] # Celery is untyped
    """Looks again at messages that were parked, whenever the broker was reached: this version may know them."""

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - Celery's own signature
        """Put them back."""
        consumer.pool.engine.unpark()


def __getattr__(name: str) -> WorkerApp:
    if name != "app":
        raise AttributeError(name)
    try:
        application = create_app(read_settings())
    except CheapfirstError as error:
        sys.exit(f"cheapfirst: {error}")
    globals()["app"] = application
    return application
