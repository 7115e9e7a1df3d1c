"""The four agents of a desk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from pydantic_ai.models import Model

from coliseum.agents.guardian import Guardian, guardian
from coliseum.agents.recommender import Recommender, recommender
from coliseum.agents.researcher import Researcher, researcher
from coliseum.agents.scout import Scout, scout
from coliseum.settings import Models


@dataclass(frozen=True, slots=True)
class Crew:
    """Every agent with the model it asks."""

    scout: Scout
    researcher: Researcher
    recommender: Recommender
    guardian: Guardian

    @classmethod
    def of(cls, names: Models, build: Callable[[str], Model]) -> Self:
        """Agents that ask the named models, each made by `build`."""
        return cls(
            scout=scout(build(names.scout), names.scout),
            researcher=researcher(build(names.researcher), names.researcher),
            recommender=recommender(build(names.recommender), names.recommender),
            guardian=guardian(build(names.guardian), names.guardian),
        )
