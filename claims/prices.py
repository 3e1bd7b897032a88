"""List prices of the recorded models when they were recorded, in dollars per million tokens, input and output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """A recorded model: what people call it, the name it has in its set, and its list price then."""

    title: str
    recorded: str
    input_usd: float
    output_usd: float


# The prices are those told with the recordings (../shared/DATA.md).
GPT_4O = Model("gpt-4o", "gpt-4o_prompt2", 2.50, 10)
GPT_4O_MINI = Model("gpt-4o-mini", "gpt-4o-mini", 0.15, 0.60)
GPT_41_NANO = Model("gpt-4.1-nano", "gpt_41_nano_prompt2", 0.10, 0.40)
GEMMA_2 = Model("Gemma 2 9B", "gemma2_prompt2", 0.20, 0.20)
GEMINI_FLASH = Model("Gemini 2.0 Flash", "gemini20_flash_prompt2", 0.10, 0.40)
MISTRAL_SMALL = Model("Mistral Small 3.1", "mistral_small_31_prompt2", 0.10, 0.30)
CLAUDE_37 = Model("Claude 3.7 Sonnet", "claude37_sonnet_prompt2", 3, 15)

ANSWERS_GPT_4O = Model("gpt-4o", "gpt-4o-2024-08-06", 2.50, 10)
ANSWERS_GPT_4O_MINI = Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 0.15, 0.60)
ANSWERS_HAIKU = Model("Claude 3.5 Haiku", "claude-3-5-haiku-20241022", 0.80, 4)

MIXTRAL = Model("Mixtral 8x7B", "mixtral-8x7b", 0.60, 0.60)
GPT_4_1106 = Model("gpt-4-1106", "gpt-4-1106-preview", 10, 30)
