"""The scout picks the markets that are worth the cost of research."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.models import Model

from coliseum.agents.asking import Meter, ask
from coliseum.agents.prompt import Prompt, prompt
from coliseum.agents.untrusted import quoted
from coliseum.domain.market import Market

LONGEST_TITLE = 300
MOST_REQUESTS = 4
LONGEST_LIST = 200_000


class Pick(BaseModel):
    """One market worth researching."""

    market_ticker: str = Field(max_length=100, description="The exact `ticker` from the list.")
    rationale: str = Field(max_length=1000, description="Why research may pay; no probability.")
    priority: Literal["high", "medium", "low"]


class Picks(BaseModel):
    """The markets worth researching, best first; may be empty."""

    picks: list[Pick] = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class Scout:
    """`model` is the configured model's name."""

    agent: Agent[None, Picks]
    model: str
    prompt: Prompt

    async def pick(self, markets: Sequence[Market], most: int, meter: Meter) -> tuple[Pick, ...]:
        """At most `most` of `markets`; what the model invents or repeats is dropped. Raises ServiceError."""
        picks = await ask(self.agent, _task(markets, most), None, meter, requests=MOST_REQUESTS)
        return _valid(picks.picks, {market.ticker for market in markets})[:most]


def scout(model: Model, name: str) -> Scout:
    """A scout that asks `model`, configured as `name`."""
    instructions = prompt("scout")
    agent = Agent(
        model,
        output_type=Picks,
        instructions=instructions.text,
        deps_type=type(None),
        name="scout",
        retries=2,
    )
    return Scout(agent, name, instructions)


def _valid(picks: Iterable[Pick], known: set[str]) -> tuple[Pick, ...]:
    first: dict[str, Pick] = {}
    for pick in picks:
        if pick.market_ticker in known:
            first.setdefault(pick.market_ticker, pick)
    return tuple(first.values())


def _task(markets: Sequence[Market], most: int) -> str:
    lines = quoted("\n".join(_line(market) for market in markets), "exchange", LONGEST_LIST)
    return f"Pick at most {most} of these {len(markets)} markets, one JSON object a line.\n\n{lines}"


def _line(market: Market) -> str:
    """JSON keeps a title on its line and inside its quotation marks, whatever it contains."""
    shown = {
        "ticker": market.ticker,
        "title": market.title[:LONGEST_TITLE],
        "subtitle": market.subtitle[:LONGEST_TITLE],
        "close_time": market.close_time.isoformat(),
        "volume": str(market.volume),
        "spread": str(market.spread),
    }
    return json.dumps(shown, ensure_ascii=False)
