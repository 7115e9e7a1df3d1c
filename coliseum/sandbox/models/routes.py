"""The models' HTTP door: key, body, request, answer, usage."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from coliseum.sandbox.bodies import JsonObject, Unreadable, json_object, key_given, same_key
from coliseum.sandbox.events import event_stream
from coliseum.sandbox.models.anthropic import Anthropic
from coliseum.sandbox.models.catalogue import MODELS, unknown_model
from coliseum.sandbox.models.openai import OpenAI
from coliseum.sandbox.models.policy import decide
from coliseum.sandbox.models.refusal import Reason, Refusal
from coliseum.sandbox.models.reply import within
from coliseum.sandbox.models.wire import Answer, Wire, digest

BODY_BYTES = 4 * 1024 * 1024
"""Larger requests are refused with 413."""

_MESSAGES = "/v1/messages"
_COMPLETIONS = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """What one answer took, as the response says it. `input_tokens` is the whole prompt, cached parts included."""

    model: str
    provider: str
    """Whose shape was spoken: "anthropic" or "openai"."""
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    request_id: str


def routes(
    api_key: str, usage: Callable[[ModelUse], None], now: Callable[[], float] = time.time
) -> list[BaseRoute]:
    """POST /v1/messages, POST /v1/chat/completions and GET /v1/models; other paths under /v1 are 404.

    `usage` is told of every answer before its first byte is sent, on the server's event loop. The same request
    always gets the same answer and ids; only `created` follows `now` (Unix seconds).
    """
    models = _Models(api_key, usage, now)
    return [
        Route(_MESSAGES, models.answering(Anthropic()), methods=["POST"]),
        Route(_COMPLETIONS, models.answering(OpenAI()), methods=["POST"]),
        Route("/v1/models", models.listing, methods=["GET"]),
        Route("/v1/{rest:path}", models.nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


@dataclass(frozen=True, slots=True)
class _Models:
    api_key: str
    usage: Callable[[ModelUse], None]
    now: Callable[[], float]

    def answering(self, wire: Wire) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await json_object(request, BODY_BYTES)
            mark = digest(body if isinstance(body, dict) else body.reason)
            try:
                self._admit(request)
                return self._answered(wire, _readable(body), mark)
            except Refusal as refusal:
                return _refused(wire, refusal, mark)

        return endpoint

    async def listing(self, request: Request) -> Response:
        wire = _spoken(request)
        try:
            self._admit(request)
        except Refusal as refusal:
            return _refused(wire, refusal, digest(request.url.path))
        return JSONResponse(wire.models(tuple(MODELS)))

    async def nowhere(self, request: Request) -> Response:
        path = request.url.path
        refusal = Refusal(Reason.NOT_FOUND, f"there is no {request.method} {path[:200]}")
        return _refused(_spoken(request), refusal, digest(path))

    def _admit(self, request: Request) -> None:
        if not same_key(key_given(request), self.api_key):
            raise Refusal(Reason.UNAUTHENTICATED, "the API key is missing or not valid")

    def _answered(self, wire: Wire, body: JsonObject, mark: str) -> Response:
        asked = wire.read(body)
        traits = MODELS.get(asked.model)
        if traits is None:
            raise Refusal(Reason.NOT_FOUND, unknown_model(asked.model), "model")
        reply = within(decide(asked.conversation, traits), asked.max_tokens)
        answer = Answer(request=asked, reply=reply, digest=mark, created=int(self.now()))
        self.usage(_use(wire, answer))
        headers = _headers(mark)
        if asked.stream:
            return event_stream(wire.events(answer), headers)
        return JSONResponse(wire.plain(answer), headers=headers)


def _use(wire: Wire, answer: Answer) -> ModelUse:
    return ModelUse(
        model=answer.request.model,
        provider=wire.provider,
        input_tokens=answer.request.input_tokens,
        output_tokens=answer.reply.tokens,
        cache_read_tokens=answer.request.cache_read_tokens,
        cache_write_tokens=answer.request.cache_write_tokens,
        request_id=_request_id(answer.digest),
    )


def _readable(body: JsonObject | Unreadable) -> JsonObject:
    if not isinstance(body, Unreadable):
        return body
    raise Refusal(Reason.TOO_LARGE if body.status == 413 else Reason.INVALID, body.reason)


def _spoken(request: Request) -> Wire:
    """Where the path does not tell whose shape is meant, the header Anthropic's clients send does."""
    anthropic = "anthropic-version" in request.headers or "/anthropic/" in request.url.path
    return Anthropic() if anthropic else OpenAI()


def _refused(wire: Wire, refusal: Refusal, mark: str) -> Response:
    body = wire.refused(refusal, _request_id(mark))
    return JSONResponse(body, status_code=refusal.reason.value, headers=_headers(mark))


def _request_id(mark: str) -> str:
    return f"req_{mark[:24]}"


def _headers(mark: str) -> dict[str, str]:
    return {"request-id": _request_id(mark), "x-request-id": _request_id(mark)}
