"""Memory of Redis for items that wait: messages as `submit` publishes them, on a Redis of their own.

python bench/queue_memory.py [--items 1000000] [--chunk 16]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import redis

from producer.embedded.redis_server import EmbeddedRedis
from workers.app import create_app
from workers.settings import Settings


def main() -> None:
    """Publish, and tell what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cheapfirst-bench-") as folder, EmbeddedRedis(Path(folder)) as server:
        deployment = Path(folder) / "cheapfirst.yaml"
        deployment.write_text(
            f"models:\n  small: {{provider: openai, model: small}}\nqueues:\n  cheap: {{chunk: {options.chunk}}}\n"
        )
        settings = Settings(DATABASE_URL="sqlite://", REDIS_URL=server.url, CHEAPFIRST_DEPLOYMENT=deployment)
        publisher, client = create_app(settings).publisher, redis.Redis.from_url(server.url)
        before, began = client.info("memory")["used_memory"], time.monotonic()
        # Positions as a large job's last ones have: the longest.
        messages = publisher.publish("cheap", ((1, 9_000_000 + number) for number in range(options.items)))
        took_s, after = time.monotonic() - began, client.info("memory")["used_memory"]
        print(
            f"{options.items} items in {messages} messages: {(after - before) / 1e6:.1f} MB of Redis, "
            f"{(after - before) / messages:.0f} bytes a message, published in {took_s:.1f} s"
        )
        client.close()


if __name__ == "__main__":
    main()
