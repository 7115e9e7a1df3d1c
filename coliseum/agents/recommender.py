"""The recommender turns research into a probability, without seeing the price."""

from dataclasses import dataclass

from pydantic_ai import Agent
from pydantic_ai.models import Model

from coliseum.agents.asking import Estimate, Meter, ask
from coliseum.agents.prompt import Prompt, prompt
from coliseum.agents.question import described
from coliseum.agents.untrusted import answers, quoted
from coliseum.domain.opportunity import Belief, Opportunity, Research

MOST_REQUESTS = 4
LONGEST_SUMMARY = 12_000


@dataclass(frozen=True, slots=True)
class Recommender:
    """`model` is the configured model's name."""

    agent: Agent[None, Estimate]
    model: str
    prompt: Prompt

    async def estimate(self, opportunity: Opportunity, research: Research, meter: Meter) -> Belief:
        """A belief about the question. Raises ServiceError."""
        task = _task(opportunity, research)
        found = await ask(self.agent, task, None, meter, requests=MOST_REQUESTS)
        return belief(opportunity.id, found, meter.model, self.prompt)


def recommender(model: Model, name: str) -> Recommender:
    """A recommender that asks `model`, configured as `name`."""
    instructions = prompt("recommender")
    agent = Agent(
        model,
        output_type=Estimate,
        instructions=instructions.text,
        deps_type=type(None),
        name="recommender",
        retries=2,
    )
    return Recommender(agent, name, instructions)


def belief(opportunity_id: str, found: Estimate, model: str, instructions: Prompt) -> Belief:
    """An estimate as the desk keeps it."""
    return Belief(
        opportunity_id=opportunity_id,
        probability=found.probability,
        low=found.low,
        high=found.high,
        reasons=tuple(found.reasons),
        model=model,
        prompt=instructions.version,
    )


def _task(opportunity: Opportunity, research: Research) -> str:
    # The summary is a model's, but it was written under the influence of strangers' text.
    summary = quoted(research.summary, "research", LONGEST_SUMMARY)
    return f"{described(opportunity)}\n\nResearch:\n{summary}\n\n{answers(research.answers)}"
