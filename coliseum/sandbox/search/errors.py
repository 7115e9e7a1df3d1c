"""The search service's refusals: a status, a tag and a message in its own error shape."""

from dataclasses import dataclass

from starlette.responses import JSONResponse


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """Raised while a request is read; becomes the error response at the door and goes no further."""

    status: int
    tag: str
    message: str

    def response(self, request_id: str) -> JSONResponse:
        body = {"requestId": request_id, "error": self.message, "tag": self.tag}
        return JSONResponse(body, status_code=self.status)


def invalid(message: str, tag: str = "INVALID_REQUEST_BODY") -> Refusal:
    """A request that has to be changed before it can be answered."""
    return Refusal(400, tag, message)
