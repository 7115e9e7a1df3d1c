"""The guardian estimates again, in the light of news, a question on which the desk holds a position."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field
from pydantic_ai import Agent
from pydantic_ai.models import Model

from coliseum.agents.asking import Estimate, Meter, ask
from coliseum.agents.prompt import Prompt, prompt
from coliseum.agents.question import described
from coliseum.agents.recommender import belief
from coliseum.agents.untrusted import answers, quoted
from coliseum.domain.opportunity import Answer, Belief, Opportunity

MOST_REQUESTS = 4
LONGEST_REASONS = 4_000


class Review(Estimate):
    """The estimate as of now, and whether facts came up that were not known before."""

    changed: bool = Field(description="True only when new facts move the probability.")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What is believed now; `changed` says whether the news moved it."""

    belief: Belief
    changed: bool


@dataclass(frozen=True, slots=True)
class Guardian:
    """`model` is the configured model's name."""

    agent: Agent[None, Review]
    model: str
    prompt: Prompt

    async def review(
        self, opportunity: Opportunity, before: Belief, fresh: Sequence[Answer], meter: Meter
    ) -> Reviewed:
        """The belief as of now. Raises ServiceError."""
        task = _task(opportunity, before, fresh)
        found = await ask(self.agent, task, None, meter, requests=MOST_REQUESTS)
        return Reviewed(belief(opportunity.id, found, meter.model, self.prompt), found.changed)


def guardian(model: Model, name: str) -> Guardian:
    """A guardian that asks `model`, configured as `name`."""
    instructions = prompt("guardian")
    agent = Agent(
        model,
        output_type=Review,
        instructions=instructions.text,
        deps_type=type(None),
        name="guardian",
        retries=2,
    )
    return Guardian(agent, name, instructions)


def _task(opportunity: Opportunity, before: Belief, fresh: Sequence[Answer]) -> str:
    reasons = quoted("\n".join(before.reasons), "earlier reasons", LONGEST_REASONS)
    held = f"Believed before: {before.probability} (from {before.low} to {before.high}), because:\n{reasons}"
    return f"{described(opportunity)}\n\n{held}\n\nFresh answers:\n{answers(fresh)}"
