"""The researcher collects what can be known about a market and estimates nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_ai import Agent, RunContext
from pydantic_ai.models import Model

from coliseum.agents.asking import Meter, ask
from coliseum.agents.prompt import Prompt, prompt
from coliseum.agents.question import described, questions
from coliseum.agents.untrusted import answer
from coliseum.domain.opportunity import Answer, Opportunity, Research
from coliseum.errors import ServiceError
from coliseum.ports import Search

MOST_REQUESTS = 8
MOST_SEARCHES = 4
LONGEST_QUESTION = 400


class Findings(BaseModel):
    """What was learned, without any estimate."""

    summary: str = Field(max_length=8000, description="Facts for and against, with site and date.")
    key_points: list[Annotated[str, Field(max_length=600)]] = Field(
        max_length=10, description="The facts that matter most, one short sentence each."
    )


@dataclass(slots=True)
class Inquiry:
    """The search a run may use, up to which date, and every answer it got."""

    search: Search
    published_before: datetime
    answers: list[Answer] = field(default_factory=list)
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Researcher:
    """`model` is the configured model's name."""

    agent: Agent[Inquiry, Findings]
    model: str
    prompt: Prompt

    async def research(
        self, opportunity: Opportunity, search: Search, now: datetime, meter: Meter
    ) -> Research:
        """Look up what bears on the outcome, in nothing published after `now`. Raises ServiceError; a
        search that fails is told to the model, which goes on with what it has."""
        inquiry = Inquiry(search, now)
        task = _task(opportunity, now)
        findings = await ask(
            self.agent, task, inquiry, meter, requests=MOST_REQUESTS, tools=MOST_SEARCHES + 2
        )
        return Research(
            opportunity_id=opportunity.id,
            summary=_report(findings),
            answers=tuple(inquiry.answers),
            model=meter.model,
            prompt=self.prompt.version,
        )


def researcher(model: Model, name: str) -> Researcher:
    """A researcher that asks `model`, configured as `name`."""
    instructions = prompt("researcher")
    agent = Agent(
        model,
        output_type=Findings,
        instructions=instructions.text,
        deps_type=Inquiry,
        name="researcher",
        tools=[search],
        retries=2,
    )
    return Researcher(agent, name, instructions)


async def search(context: RunContext[Inquiry], question: str) -> str:
    """Ask the search service one question; it answers from published pages, with sources.

    Args:
        question: One question in plain words.
    """
    inquiry = context.deps
    if inquiry.asked >= MOST_SEARCHES:
        return "No more searches: report what you have."
    inquiry.asked += 1
    try:
        found = await inquiry.search.answer(
            question[:LONGEST_QUESTION], published_before=inquiry.published_before
        )
    except ServiceError:
        return "The search service did not answer this question; go on without it."
    inquiry.answers.append(found)
    return answer(found)


def _task(opportunity: Opportunity, now: datetime) -> str:
    asked = "\n".join(f"- {question}" for question in questions(opportunity, now))
    return f"{described(opportunity)}\n\nQuestions to look up:\n{asked}"


def _report(findings: Findings) -> str:
    points: Sequence[str] = [f"- {point}" for point in findings.key_points]
    return "\n".join([findings.summary, *points])
