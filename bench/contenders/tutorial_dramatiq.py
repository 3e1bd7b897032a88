"""The same as `tutorial_celery.py`, on Dramatiq, two processes with a hundred threads each.

Run `dramatiq tutorial_dramatiq --processes 2 --threads 100`; `python tutorial_dramatiq.py DOCUMENTS` publishes them.
"""

from __future__ import annotations

import os
import sys

import cascade
import dramatiq
import openai
import redis
from dramatiq.brokers.redis import RedisBroker

BROKER_URL = os.environ["BROKER_URL"]
dramatiq.set_broker(RedisBroker(url=BROKER_URL))
client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="none")
results = redis.Redis.from_url(BROKER_URL)


def _answer(model: str, text: str) -> str | None:
    completion = client.chat.completions.create(
        model=model, messages=cascade.messages(text), response_format=cascade.RESPONSE_FORMAT, temperature=0
    )
    answer: str | None = completion.choices[0].message.content
    return answer


@dramatiq.actor(queue_name="cheap")
def cheap(number: int, text: str) -> None:
    """Ask the cheap model, and hand a failure on."""
    answer = _answer("cheap", text)
    if cascade.passes(answer, text):
        results.hset("results", str(number), answer or "")
    else:
        expensive.send(number, text)


@dramatiq.actor(queue_name="expensive")
def expensive(number: int, text: str) -> None:
    """Ask the expensive model."""
    answer = _answer("expensive", text)
    if cascade.passes(answer, text):
        results.hset("results", str(number), answer or "")


def main() -> None:
    """Publish every document."""
    for number in range(int(sys.argv[1])):
        cheap.send(number, cascade.document(number))


if __name__ == "__main__":
    main()
