"""One run of one agent: its limits, what it used, and what its failures mean to the desk."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, WithJsonSchema, model_validator
from pydantic_ai import Agent
from pydantic_ai.exceptions import (
    AgentRunError,
    FallbackExceptionGroup,
    ModelConnectionError,
    ModelRateLimitError,
    ModelServerError,
    ModelUnavailableError,
)
from pydantic_ai.usage import RunUsage, UsageLimits

from coliseum.domain.money import ZERO, Dollars
from coliseum.errors import ServiceError, Unavailable

Deps = TypeVar("Deps")
Output = TypeVar("Output")

AWAY = (ModelConnectionError, ModelRateLimitError, ModelServerError, ModelUnavailableError)
"""The model's service may answer later."""
MOST_TOKENS = 200_000
"""Of one run, prompts included; a run that needs more has lost its way."""

Chance = Annotated[
    Decimal,
    Field(ge=0, le=1, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]
Reason = Annotated[str, Field(min_length=1, max_length=600)]


class Estimate(BaseModel):
    """The probability that a question resolves YES, its 80 % interval, and why."""

    probability: Chance = Field(description="Probability of YES, between 0 and 1.")
    low: Chance = Field(description="Lower end of the 80 % range; at most `probability`.")
    high: Chance = Field(description="Upper end of the 80 % range; at least `probability`.")
    reasons: list[Reason] = Field(min_length=1, max_length=6, description="Short sentences, strongest first.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.probability <= self.high:
            raise ValueError("low <= probability <= high must hold")
        return self


@dataclass(slots=True)
class Meter:
    """What a run used so far; right also when it fails halfway. `model` ends as the one that answered."""

    model: str
    usage: RunUsage = field(default_factory=RunUsage)

    @property
    def used(self) -> bool:
        """Whether anything came back that could have been billed."""
        return self.usage.requests > 0 or self.usage.total_tokens > 0

    @property
    def dollars(self) -> Dollars | None:
        """What it cost. None when no price is known or a response named no usage; 0 only when nothing was
        used."""
        if not self.used:
            return ZERO
        return None if self.usage.unmeasured_requests else self.usage.cost


async def ask(
    agent: Agent[Deps, Output], prompt: str, deps: Deps, meter: Meter, *, requests: int, tools: int = 0
) -> Output:
    """Run the agent once. Raises Unavailable or ServiceError; the texts name the failure, not its content."""
    limits = UsageLimits(request_limit=requests, tool_calls_limit=tools, total_tokens_limit=MOST_TOKENS)
    try:
        result = await agent.run(prompt, deps=deps, usage=meter.usage, usage_limits=limits)
    except (AgentRunError, FallbackExceptionGroup) as error:
        raise _translated(agent, error) from error
    meter.model = result.response.model_name or meter.model
    return result.output


def _translated(agent: Agent[Any, Any], error: Exception) -> ServiceError:
    if isinstance(error, FallbackExceptionGroup):
        return Unavailable(f"no model answered the {agent.name}, the fallback included")
    text = f"the {agent.name}'s model failed: {type(error).__name__.removeprefix('_HTTP')}"
    return Unavailable(text) if isinstance(error, AWAY) else ServiceError(text)
