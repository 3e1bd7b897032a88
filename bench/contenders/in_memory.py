"""A script that keeps everything in memory: asyncio, a semaphore, and a client.

    python in_memory.py aiohttp|openai|openai-aiohttp|litellm BASE_URL DOCUMENTS IN_FLIGHT

prints `ready` once its client is there, begins with a line on its input, prints the number of documents done after
each hundred and after the last, and ends with its input. `aiohttp` knows nothing of models: the least a call costs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import cascade

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[[str, list[dict[str, str]]], Awaitable[str | None]]


def _aiohttp(base_url: str) -> Ask:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def ask(model: str, messages: list[dict[str, str]]) -> str | None:
        body = {"model": model, "messages": messages, "response_format": cascade.RESPONSE_FORMAT, "temperature": 0}
        async with session.post(f"{base_url}/chat/completions", json=body) as response:
            answer: str = (await response.json())["choices"][0]["message"]["content"]
            return answer

    return ask


def _openai(base_url: str, *, on_aiohttp: bool) -> Ask:
    import openai

    http_client = openai.DefaultAioHttpClient() if on_aiohttp else None
    client = openai.AsyncOpenAI(base_url=base_url, api_key="none", http_client=http_client)

    async def ask(model: str, messages: list[dict[str, str]]) -> str | None:
        completion = await client.chat.completions.create(
            model=model, messages=messages, response_format=cascade.RESPONSE_FORMAT, temperature=0
        )
        answer: str | None = completion.choices[0].message.content
        return answer

    return ask


def _litellm(base_url: str) -> Ask:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it asks a host outside for its prices
    import litellm

    router = litellm.Router(
        model_list=[
            {
                "model_name": name,
                "litellm_params": {"model": f"openai/{name}", "api_base": base_url, "api_key": "none"},
            }
            for name in ("cheap", "expensive")
        ]
    )

    async def ask(model: str, messages: list[dict[str, str]]) -> str | None:
        completion = await router.acompletion(
            model=model, messages=messages, response_format=cascade.RESPONSE_FORMAT, temperature=0
        )
        answer: str | None = completion.choices[0].message.content
        return answer

    return ask


def _ask(kind: str, base_url: str) -> Ask:
    match kind:
        case "aiohttp":
            return _aiohttp(base_url)
        case "litellm":
            return _litellm(base_url)
        case _:
            return _openai(base_url, on_aiohttp=kind == "openai-aiohttp")


async def _run(kind: str, base_url: str, documents: int, in_flight: int) -> None:
    ask, gate, done = _ask(kind, base_url), asyncio.Semaphore(in_flight), 0
    print("ready", flush=True)
    sys.stdin.readline()

    async def extract(number: int) -> None:
        nonlocal done
        text = cascade.document(number)
        async with gate:
            for model in ("cheap", "expensive"):
                if cascade.passes(await ask(model, cascade.messages(text)), text):
                    done += 1
                    if done % 100 == 0 or done == documents:
                        print(done, flush=True)
                    return

    await asyncio.gather(*map(extract, range(documents)))
    sys.stdin.readline()


def main() -> None:
    """Run to the end."""
    kind, base_url, documents, in_flight = sys.argv[1:]
    asyncio.run(_run(kind, base_url, int(documents), int(in_flight)))


if __name__ == "__main__":
    main()
