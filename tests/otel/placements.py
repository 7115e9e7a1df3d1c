"""Every place where a secret can get into telemetry, filled through the interfaces that programs use."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from opentelemetry import metrics, trace
from opentelemetry._logs import SeverityNumber, get_logger
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

Place = Callable[[str], None]
AN_INSTANT = 1_700_000_000_000_000_000


def span(name: str = "s", **fields: Any) -> None:
    trace.get_tracer("corpus").start_span(name, **fields).end()


def attribute(key: str, wrap: Callable[[str], Any] = lambda text: text) -> Place:
    return lambda text: span(attributes={key: wrap(text)})


def event(text: str) -> None:
    with trace.get_tracer("corpus").start_as_current_span("s") as current:
        current.add_event(text)


def event_attribute(wrap: Callable[[str], Any]) -> Place:
    def place(text: str) -> None:
        with trace.get_tracer("corpus").start_as_current_span("s") as current:
            current.add_event("e", {"a": wrap(text)})

    return place


def link_attribute(text: str) -> None:
    context = SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(1))
    span(links=[Link(context, {"a": text})])


def status_text(text: str) -> None:
    with trace.get_tracer("corpus").start_as_current_span("s") as current:
        current.set_status(Status(StatusCode.ERROR, text))


def renamed(text: str) -> None:
    with trace.get_tracer("corpus").start_as_current_span("s") as current:
        current.update_name(text)


class Unreadable(Exception):
    """Says something else to `repr` than to `str`."""

    def __repr__(self) -> str:
        return f"<{self.args[0]}>"


def raised(text: str) -> None:
    try:
        with trace.get_tracer("corpus").start_as_current_span("s"):
            raise ValueError(text)
    except ValueError:
        pass


def raised_from(text: str) -> None:
    try:
        with trace.get_tracer("corpus").start_as_current_span("s"):
            try:
                raise KeyError(text)
            except KeyError as error:
                raise RuntimeError("outer") from error
    except RuntimeError:
        pass


def raised_with_note(text: str) -> None:
    try:
        with trace.get_tracer("corpus").start_as_current_span("s"):
            error = ValueError("noted")
            error.add_note(text)
            raise error
    except ValueError:
        pass


def recorded(text: str) -> None:
    with trace.get_tracer("corpus").start_as_current_span("s") as current:
        current.record_exception(Unreadable(text), {"a": text})


def scope(**named: Callable[[str], Any]) -> Place:
    def place(text: str) -> None:
        fields = {key: wrap(text) for key, wrap in named.items()}
        trace.get_tracer(fields.pop("name", "corpus"), **fields).start_span("s").end()

    return place


def logged(*arguments: Any, **fields: Any) -> Place:
    """A record of the standard library; "@" stands for the text."""

    def put(value: Any, text: str) -> Any:
        match value:
            case str():
                return value.replace("@", text)
            case list():
                return [put(item, text) for item in value]
            case dict():
                return {key: put(item, text) for key, item in value.items()}
            case _:
                return value

    return lambda text: logging.getLogger("corpus").error(*put(list(arguments), text), **put(fields, text))


def logged_exception(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("corpus").exception("it failed")


def logged_under(text: str) -> None:
    logging.getLogger(text).error("a record")


def emitted(**fields: Callable[[str], Any]) -> Place:
    def place(text: str) -> None:
        values = {key: make(text) for key, make in fields.items()}
        get_logger("corpus").emit(timestamp=AN_INSTANT, severity_number=SeverityNumber.INFO, **values)

    return place


def emitted_by(text: str) -> None:
    get_logger(text, instrumenting_library_version=text).emit(timestamp=AN_INSTANT, body="b")


def measured(**fields: Callable[[str], Any]) -> Place:
    def place(text: str) -> None:
        counter = metrics.get_meter("corpus").create_counter("corpus.count")
        counter.add(1, {key: make(text) for key, make in fields.items()})

    return place


def exemplar(text: str) -> None:
    """An attribute that a view leaves out would stand in the exemplar; the trace it names is recorded."""
    with trace.get_tracer("corpus").start_as_current_span("s"):
        metrics.get_meter("corpus").create_histogram("corpus.time").record(1.0, {"a": text})


def described(text: str) -> None:
    name = f"corpus.d{abs(hash(text)) % 10**9}"
    metrics.get_meter("corpus").create_counter(name, description=text).add(1)


def metered_by(text: str) -> None:
    metrics.get_meter(text, version=text).create_counter("corpus.scoped").add(1)


def agent(**said: str) -> Place:
    """One run of an agent; "@" stands for the text in what is asked, instructed, called, returned and answered."""

    def place(text: str) -> None:
        part = {key: value.replace("@", text) for key, value in said.items()}

        def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            if len(messages) > 1:
                return ModelResponse(parts=[TextPart(part.get("answer", "done"))])
            return ModelResponse(parts=[ToolCallPart("look", {"what": part.get("argument", "x")})])

        made: Agent[None, str] = Agent(
            FunctionModel(answer), name="corpus", instructions=part.get("instructions")
        )

        @made.tool_plain
        def look(what: str) -> str:
            return part.get("result", "seen")

        asyncio.run(made.run(part.get("prompt", "a question")))

    return place


def failing_tool(text: str) -> None:
    made: Agent[None, str] = Agent(
        FunctionModel(lambda messages, info: ModelResponse(parts=[ToolCallPart("look", {})])), name="corpus"
    )

    @made.tool_plain
    def look() -> str:
        raise ValueError(text)

    with contextlib.suppress(ValueError):
        asyncio.run(made.run("a question"))


def requested(address: str, *, headers: Mapping[str, str] | None = None) -> Callable[[str], Place]:
    """A real request to a server on this machine; its answer does not matter."""

    def at(base: str) -> Place:
        def place(text: str) -> None:
            written = httpx2.URL(base).copy_with(path="/v1/nothing", params={"q": text})
            given = {
                name: "".join(c for c in text if c.isascii() and c.isprintable()) for name in headers or {}
            }
            with httpx2.Client(trust_env=False) as client:
                client.get(written if address == "query" else f"{base}/v1/nothing", headers=given)

        return place

    return at


KEYS = (
    *(
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
    ),
    *("gen_ai.tool.call.result", "gen_ai.tool.definitions", "pydantic_ai.all_messages", "logfire.msg"),
    *("url.full", "url.query", "url.path", "db.query.text", "code.stacktrace", "process.command_args"),
    *("http.request.header.authorization", "http.request.header.x-api-key", "http.request.header.cookie"),
    *("http.request.header.x-custom", "http.response.header.set-cookie", "http.response.header.location"),
    *("rpc.request.metadata", "messaging.message.body", "exception.message", "user.note"),
)

PLACES: dict[str, Place] = {
    **{f"attribute {key}": attribute(key) for key in KEYS},
    "attribute in a list": attribute("a", lambda text: ["x", text, "y"]),
    "attribute in a mapping": attribute("a", lambda text: {"b": {"c": text}}),
    "attribute in a list of mappings": attribute("a", lambda text: [{"b": text}]),
    "attribute of bytes": attribute("a", lambda text: text.encode()),
    "attribute named so": lambda text: span(attributes={text: "value"}),
    "mapping with such a key": attribute("a", lambda text: {text: "value"}),
    "span name": lambda text: span(text),
    "span renamed": renamed,
    "event name": event,
    "event attribute": event_attribute(lambda text: text),
    "event attribute in a list": event_attribute(lambda text: [text]),
    "link attribute": link_attribute,
    "status text": status_text,
    "exception raised": raised,
    "exception raised from another": raised_from,
    "exception with a note": raised_with_note,
    "exception recorded": recorded,
    "scope name": scope(name=lambda text: text),
    "scope version": scope(instrumenting_library_version=lambda text: text),
    "scope schema": scope(schema_url=lambda text: text),
    "scope attribute": scope(attributes=lambda text: {"a": text}),
    "log message": logged("before @ after"),
    "log argument": logged("%s and %s", "@", "x"),
    "log extra": logged("m", extra={"note": "@"}),
    "log extra in a mapping": logged("m", extra={"note": {"deep": ["@"]}}),
    "log exception": logged_exception,
    "log of a logger named so": logged_under,
    "log body": emitted(body=lambda text: text),
    "log body in a mapping": emitted(body=lambda text: {"a": [text, {"b": text}]}),
    "log body of bytes": emitted(body=lambda text: text.encode()),
    "log event name": emitted(event_name=lambda text: text),
    "log severity": emitted(severity_text=lambda text: text),
    "log attribute": emitted(attributes=lambda text: {"a": text}),
    "log attribute named so": emitted(attributes=lambda text: {text: "value"}),
    "log scope": emitted_by,
    "metric attribute": measured(a=lambda text: text),
    "metric attribute in a list": measured(a=lambda text: [text]),
    "metric exemplar": exemplar,
    "metric description": described,
    "metric scope": metered_by,
    "agent asked": agent(prompt="what of @?"),
    "agent instructed": agent(instructions="use @"),
    "agent answers": agent(answer="it is @"),
    "agent calls a tool": agent(argument="@"),
    "tool answers": agent(result="@"),
    "tool fails": failing_tool,
}
