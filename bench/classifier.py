"""CPU time of one prediction of the trained classifier, for documents of several lengths.

.venv/bin/python bench/classifier.py
"""

from __future__ import annotations

import random
import statistics
import time

from routing.classifier.features import NUMERIC, VERSION, WORD_BUCKETS, features_of
from routing.classifier.linear_model import LinearModel

ROUNDS = 7
REPEATS = 100


def main() -> None:
    """Print the median of the rounds, in milliseconds a document."""
    zeros = (0.0,) * len(NUMERIC)
    model = LinearModel(
        feature_version=VERSION,
        intercept=0.0,
        means=zeros,
        scales=(1.0,) * len(NUMERIC),
        numeric_weights=zeros,
        word_weights=(0.1,) * WORD_BUCKETS,
        slope=1.0,
        offset=0.0,
        mean_input_tokens=1,
        mean_output_tokens=1,
    )
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 10))) for _ in range(5_000)]
    for characters in (500, 4_000, 100_000):
        text = " ".join(draw.choices(words, k=characters // 5))[:characters]
        rounds = []
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(REPEATS):
                model.probability(features_of(text, None))
            rounds.append((time.process_time() - began) * 1000 / REPEATS)
        print(f"{characters:>7} characters: {statistics.median(rounds):.3f} ms")


main()
