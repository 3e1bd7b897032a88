"""The queue of the tutorials: one document, one Celery task; failures go to a second queue.

The environment says where things are: BROKER_URL (Redis; done documents are counted there), BASE_URL.

    celery -A tutorial_celery worker -c 32 -Q cheap,expensive
    celery -A tutorial_celery worker -P threads -c 200 -Q cheap,expensive
    python tutorial_celery.py DOCUMENTS     publishes them
"""

from __future__ import annotations

import os
import sys

import cascade
import openai
import redis
from celery import Celery

BROKER_URL = os.environ["BROKER_URL"]
app = Celery("tutorial_celery", broker=BROKER_URL)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1, task_acks_late=True)
app.conf.broker_transport_options = {"max_connections": 1000}
client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="none")
results = redis.Redis.from_url(BROKER_URL)


def _answer(model: str, text: str) -> str | None:
    completion = client.chat.completions.create(
        model=model, messages=cascade.messages(text), response_format=cascade.RESPONSE_FORMAT, temperature=0
    )
    answer: str | None = completion.choices[0].message.content
    return answer


@app.task(queue="cheap")
def cheap(number: int, text: str) -> None:
    """Ask the cheap model, and hand a failure on."""
    answer = _answer("cheap", text)
    if cascade.passes(answer, text):
        results.hset("results", str(number), answer or "")
    else:
        expensive.delay(number, text)


@app.task(queue="expensive")
def expensive(number: int, text: str) -> None:
    """Ask the expensive model."""
    answer = _answer("expensive", text)
    if cascade.passes(answer, text):
        results.hset("results", str(number), answer or "")


def main() -> None:
    """Publish every document."""
    for number in range(int(sys.argv[1])):
        cheap.delay(number, cascade.document(number))


if __name__ == "__main__":
    main()
