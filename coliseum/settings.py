"""What the user set: venue, mode, limits, models, keys; read once, frozen, wrong at the door."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from coliseum.addresses import base_url, loopback
from coliseum.defaults import defaults
from coliseum.domain.risk import Limits
from coliseum.environment import Environment, environment
from coliseum.errors import SettingsError
from coliseum.variables import SERVICES, explained, paths, refuse_unknown, shown, tree, value, variable

SANDBOX_MODELS = ("sandbox-large", "sandbox-small")


class Venue(StrEnum):
    """Where the markets are: Kalshi, Kalshi's own demo, or the local world."""

    PRODUCTION = "production"
    DEMO = "demo"
    SANDBOX = "sandbox"


class Mode(StrEnum):
    """Whether orders are sent to the venue (live) or filled here from its order book (paper)."""

    PAPER = "paper"
    LIVE = "live"


def _model_name(text: str) -> str:
    provider, colon, name = text.partition(":")
    if text in SANDBOX_MODELS or (provider in ("anthropic", "fireworks") and colon and name.strip()):
        return text
    raise ValueError("should be anthropic:<model>, fireworks:<model>, sandbox-large or sandbox-small")


def _none(text: object) -> object:
    return None if text == "none" else text


BaseUrl = Annotated[str, AfterValidator(base_url)]
ModelName = Annotated[str, AfterValidator(_model_name)]
Share = Annotated[Decimal, Field(gt=0, le=1)]
Whole = Annotated[int, Field(ge=1, le=1_000_000)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Models(_Group):
    """Which language model each agent asks; `fallback` is asked when one fails, "none" switches it off."""

    scout: ModelName
    researcher: ModelName
    recommender: ModelName
    guardian: ModelName
    fallback: Annotated[ModelName | None, BeforeValidator(_none)]

    def names(self) -> tuple[str, ...]:
        """Each model once."""
        chosen = (self.scout, self.researcher, self.recommender, self.guardian, self.fallback)
        return tuple(dict.fromkeys(name for name in chosen if name))


class Scouting(_Group):
    """Which markets are worth looking at, besides what the risk limits demand of them anyway."""

    min_price: Share = Decimal("0.05")
    max_price: Share = Decimal("0.95")
    max_close_hours: Whole
    quick_close_hours: Whole = 24
    max_candidates: Annotated[int, Field(ge=1, le=200)] = 60
    """How many screened markets one prompt may list."""
    max_opportunities: Annotated[int, Field(ge=1, le=100)] = 20
    max_age_hours: Whole = 24
    """An opportunity that nobody analysed in this time expires."""


class Guarding(_Group):
    """When a position is left before its market ends, as shares of what it cost."""

    profit_target: Annotated[Decimal, Field(gt=0, le=100)] = Decimal("0.50")
    stop_loss: Share = Decimal("0.30")
    reconcile_after_minutes: Annotated[int, Field(ge=0, le=1440)] = 5
    """An order without a known end is looked up once it is this old."""


class Kalshi(_Group):
    """The exchange's key and address."""

    api_key_id: SecretStr | None = None
    private_key_path: Path | None = None
    base_url: BaseUrl


class Service(_Group):
    """The key and address of a search or model service."""

    api_key: SecretStr | None = None
    base_url: BaseUrl


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One effective setting: its variable, its value (secrets only as set or not set), and who set it."""

    name: str
    value: str
    source: str


class Settings(_Group):
    """Every effective setting of one run."""

    venue: Venue = Venue.PRODUCTION
    mode: Mode = Mode.PAPER
    confirm_live: SecretStr | None = None
    home: Path
    database_url: SecretStr | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 7
    paper_balance: Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=2)] = Decimal("1000.00")
    """Dollars that paper trading starts with."""
    risk: Limits
    models: Models
    scout: Scouting
    guardian: Guarding
    kalshi: Kalshi
    exa: Service
    anthropic: Service
    fireworks: Service
    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def from_env(cls, env: Mapping[str, str], dotenv: Path | None = None) -> Self:
        """Read the given variables and the .env file at `dotenv` (environment beats .env beats default).

        Raises SettingsError, one line, for the first thing that is wrong.
        """
        return cls.of(environment(env, dotenv))

    @classmethod
    def of(cls, given: Environment) -> Self:
        """The settings of an environment that was already read; raises as `from_env` does."""
        refuse_unknown(cls, given)
        effective = given.below(defaults(given))
        try:
            settings = cls.model_validate(tree(cls, effective))
        except ValidationError as error:
            raise SettingsError(explained(error.errors(include_url=False), cls, effective)) from None
        settings._sources = {name: effective.source(name) or "default" for name in variables()}
        return settings

    @model_validator(mode="after")
    def _worlds_stay_apart(self) -> Self:
        if self.venue is Venue.SANDBOX:
            for name in SERVICES:
                host = urlsplit(getattr(self, name).base_url).hostname
                if not loopback(host or ""):
                    raise ValueError(f"{name.upper()}_BASE_URL should be on this machine on venue sandbox")
            return self
        for model in self.models.names():
            if model.rpartition(":")[2] in SANDBOX_MODELS:
                raise ValueError(
                    f"{model} exists on venue sandbox only; set COLISEUM_MODELS__* to a real model"
                )
        return self

    @property
    def state(self) -> Path:
        """The folder that holds everything of this venue and mode, and nothing of another."""
        return self.home / f"{self.venue}-{self.mode}"

    @property
    def database(self) -> str:
        """The ledger's SQLAlchemy address; may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.state / 'coliseum.db'}"

    @property
    def deployment(self) -> str:
        """The value of `deployment.environment.name`."""
        return "sandbox" if self.venue is Venue.SANDBOX else self.mode.value

    def secrets(self) -> tuple[str, ...]:
        """Every secret text among the settings; the private key's file is not read here."""
        hidden = [value(self, path) for path in paths(type(self)) if path != ("database_url",)]
        password = urlsplit(self.database).password
        found = [secret.get_secret_value() for secret in hidden if isinstance(secret, SecretStr)]
        return (*found, *([password] if password else []))

    def rows(self) -> list[SettingRow]:
        """Every setting in order of definition, for `coliseum config`."""
        return [
            SettingRow(variable(path), shown(value(self, path)), self._sources.get(variable(path), "default"))
            for path in paths(type(self))
        ]

    def ready(self, *, confirm_live: bool = False) -> None:
        """Raises SettingsError when this venue, mode and models need a key that is not set, or when live
        trading was confirmed neither by the flag nor by COLISEUM_CONFIRM_LIVE."""
        missing = [name for path, name in self._needed() if value(self, path) is None]
        if missing:
            raise SettingsError(
                f"{', '.join(missing)} not set: needed for venue {self.venue}, mode {self.mode}"
            )
        if self.mode is Mode.LIVE and not (confirm_live or self._confirmed_by_key()):
            raise SettingsError(
                "mode live sends real orders and is not confirmed: add --confirm-live, or set"
                " COLISEUM_CONFIRM_LIVE to your Kalshi key id"
            )

    def _needed(self) -> Iterator[tuple[tuple[str, ...], str]]:
        wanted: list[tuple[str, ...]] = []
        if self.mode is Mode.LIVE:
            wanted += [("kalshi", "api_key_id"), ("kalshi", "private_key_path")]
        if self.venue is not Venue.SANDBOX:
            wanted.append(("exa", "api_key"))
            wanted += [(p, "api_key") for p in sorted({n.partition(":")[0] for n in self.models.names()})]
        return ((path, variable(path)) for path in wanted)

    def _confirmed_by_key(self) -> bool:
        given, key = self.confirm_live, self.kalshi.api_key_id
        return given is not None and key is not None and given == key


def variables() -> tuple[str, ...]:
    """The name of every variable that the settings are read from, in order of definition."""
    return tuple(variable(path) for path in paths(Settings))
