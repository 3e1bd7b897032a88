"""A model as the gateway asks it: its wire format and address, and what is learned of it while it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.breaker import Breaker
from gateway.limits import RateLimit
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.openai import OpenAiProvider
from gateway.providers.provider import Manner, Shape
from routing.completion import TokenUsage
from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from gateway.providers.provider import Call, Provider, Reply
    from gateway.transport import HttpAnswer
    from routing.deployment import ModelSpec

CHARACTERS_PER_TOKEN = 4
"""A usual estimate where a provider counts nothing; such counts are marked as estimated."""

_PROVIDERS: Mapping[str, Provider] = {"openai": OpenAiProvider(), "anthropic": AnthropicProvider()}


@dataclass(slots=True)
class AskedModel:
    """A model with what is learned of it while it is used. `shapes` are the ways to ask it, strongest first."""

    spec: ModelSpec
    provider: Provider
    url: str
    headers: Mapping[str, str] = field(repr=False)
    shapes: tuple[Shape, ...]
    manner: Manner
    breaker: Breaker
    limit: RateLimit | None

    @classmethod
    def of(cls, spec: ModelSpec, key: SecretStr | None) -> AskedModel:
        """Return the model that nothing is known of yet."""
        provider = _PROVIDERS[spec.provider]
        limited = spec.requests_per_minute is not None or spec.tokens_per_minute is not None
        address = spec.base_url or provider.default_base_url
        shapes = _shapes(spec, provider)
        return cls(
            spec=spec,
            provider=provider,
            url=provider.url(address),
            headers=provider.headers(key),
            shapes=shapes,
            manner=Manner(shapes[0], old_token_field=provider.uses_old_token_field(address)),
            breaker=Breaker(),
            limit=RateLimit(spec.requests_per_minute, spec.tokens_per_minute) if limited else None,
        )

    def read(self, answer: HttpAnswer) -> Reply:
        """Read an answer. Raises ProviderTroubleError where it has no form we know."""
        try:
            return self.provider.read(answer.body)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ProviderTroubleError(
                f"The answer of `{self.spec.name}` has no form we know ({type(error).__name__}).", Trouble.BAD_BODY
            ) from None


def tokens_asked(call: Call) -> int:
    """Return about how many tokens a call sends."""
    return sum([len(message.content) for message in call.prompt.messages]) // CHARACTERS_PER_TOKEN


def estimated_usage(call: Call, reply: Reply) -> TokenUsage:
    """Return about what an answer used that came without counts."""
    characters = sum(len(message.content) for message in call.prompt.messages)
    return TokenUsage(
        -(-characters // CHARACTERS_PER_TOKEN), -(-len(reply.text) // CHARACTERS_PER_TOKEN), estimated=True
    )


def _shapes(spec: ModelSpec, provider: Provider) -> tuple[Shape, ...]:
    """Return the shapes to ask in: the wanted one, where the provider has it, and what is weaker."""
    if spec.structured == "auto":
        return provider.shapes
    strengths = list(Shape)
    strongest = strengths.index(Shape(spec.structured))
    return tuple(shape for shape in provider.shapes if strengths.index(shape) >= strongest)
