"""Segment's HTTP API: `POST /v1/{identify,track,page,screen,group,alias,batch,import}`, and its OpenAPI description.

A stock Segment client works against it unchanged: Basic auth with a write key, gzip, batches. 200 means committed.
Source: Segment, HTTP Tracking API.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lifecycle.audience.touched import refresh_touched
from lifecycle.base.errors import LifecycleError, StoreError
from lifecycle.base.ids import same
from lifecycle.intake.messages import Accepted, accept
from lifecycle.web.asgi import BodyTooLargeError, read_body
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import in_thread

#: One event, and one request after expansion, in bytes, as Segment has them.
MAX_EVENT_BYTES = 32 * 1024
MAX_BODY_BYTES = 500 * 1024
#: Messages in one request: more would hold the database for too long.
MAX_MESSAGES = 2500
TYPES = ("identify", "track", "page", "screen", "group", "alias")


class ApiError(Exception):
    """The request is answered with this status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class SegmentMessage(BaseModel):
    """One Segment message. Unknown keys are ignored. It names somebody: userId, anonymousId or an email."""

    model_config = ConfigDict(extra="allow")
    userId: str | None = None  # noqa: N815 - Segment's spelling
    anonymousId: str | None = None  # noqa: N815 - Segment's spelling
    messageId: Annotated[str | None, Field(description="Makes it count once, however often it is sent.")] = None  # noqa: N815 - Segment's spelling
    timestamp: datetime | None = None
    context: dict[str, Any] | None = None
    traits: Annotated[dict[str, Any] | None, Field(description="identify, group")] = None
    event: Annotated[str | None, Field(description="track")] = None
    properties: Annotated[dict[str, Any] | None, Field(description="track, page, screen")] = None
    name: Annotated[str | None, Field(description="page, screen")] = None
    groupId: Annotated[str | None, Field(description="group; null: the person is at no company any more")] = None  # noqa: N815 - Segment's spelling
    previousId: Annotated[str | None, Field(description="alias")] = None  # noqa: N815 - Segment's spelling


class TypedMessage(SegmentMessage):
    """One message of a batch."""

    type: Literal["identify", "track", "page", "screen", "group", "alias"]


class SegmentBatch(BaseModel):
    """A batch. `context` holds for each message that has none."""

    model_config = ConfigDict(extra="allow")
    batch: list[TypedMessage]
    context: dict[str, Any] | None = None
    sentAt: datetime | None = None  # noqa: N815 - Segment's spelling


class Refusal(BaseModel):
    """A message of a batch that was not stored; `index` counts from 0."""

    index: int
    reason: str


class Success(BaseModel):
    """Everything else is committed."""

    success: Literal[True] = True
    rejected: list[Refusal] = []


class Failure(BaseModel):
    """Nothing was stored."""

    success: Literal[False] = False
    code: str
    message: str


def api_app(parts: WebParts) -> FastAPI:
    """Return the ASGI application for `/v1/…` and `/openapi.json`."""
    app = FastAPI(
        title="lifecycle", version=version("lifecycle"), docs_url=None, redoc_url=None,
        description="Segment's HTTP API. Authenticate with Basic auth: the write key as user name, no password.",
    )  # fmt: skip
    answers: dict[int | str, dict[str, Any]] = {code: {"model": Failure} for code in (400, 401, 413, 415, 503)}

    def add(path: str, model: type[BaseModel], read: Callable[[Any], Sequence[Any]], *, live: bool) -> None:
        async def take(request: Request) -> Response:
            return await _take(parts, request, read, live=live)

        app.add_api_route(
            f"/v1/{path}", take, methods=["POST"], response_model=Success, responses=answers, tags=["Segment"],
            operation_id=path, summary=f"Segment {path}", dependencies=[Depends(HTTPBasic(auto_error=False))],
            openapi_extra={
                "requestBody": {"required": True, "content": {"application/json": {"schema": _schema(model)}}}
            },
        )  # fmt: skip

    for kind in TYPES:
        add(kind, SegmentMessage, _one(kind), live=True)
    add("batch", SegmentBatch, _many, live=True)
    # history, as DESIGN says of import: feeds facts, triggers nothing
    add("import", SegmentBatch, _many, live=False)

    async def failed(_request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, StoreError):
            error = ApiError(503, "unavailable", "the database did not take it; send it again")
        if isinstance(error, HTTPException):  # a path or method that we do not have; credentials that are no Basic
            code = "unauthorized" if error.status_code == 401 else "invalid"
            error = ApiError(error.status_code, code, str(error.detail))
        assert isinstance(error, ApiError)  # noqa: S101 - registered for these alone
        headers = {503: {"Retry-After": "10"}, 401: {"WWW-Authenticate": 'Basic realm="write key"'}}.get(error.status)
        return JSONResponse(Failure(code=error.code, message=error.message).model_dump(), error.status, headers)

    app.add_exception_handler(ApiError, failed)
    app.add_exception_handler(StoreError, failed)
    app.add_exception_handler(HTTPException, failed)
    return app


async def _take(parts: WebParts, request: Request, read: Callable[[Any], Sequence[Any]], *, live: bool) -> Response:
    if not _is_authorised(request.headers.get("authorization", ""), parts.write_keys):
        raise ApiError(401, "unauthorized", "a write key is needed, as the user name of Basic auth")
    try:
        raw = await read_body(request.receive, MAX_BODY_BYTES)
    except BodyTooLargeError:
        raise ApiError(413, "too_large", f"a request has at most {MAX_BODY_BYTES} bytes") from None
    body = _expand(raw, request.headers.get("content-encoding", "").strip().lower())
    payloads = read(_parse(body))
    if len(payloads) > MAX_MESSAGES:
        raise ApiError(413, "too_large", f"a batch has at most {MAX_MESSAGES} messages")
    small, refused = _within_size(payloads)

    def work() -> Accepted:
        try:
            content = parts.content()
        except LifecycleError:
            content = None  # events are taken even when nobody can judge them yet
        payloads = [payload for _, payload in small]
        done = accept(parts.store, payloads, clock=parts.clock, content=content, live=live)
        if content is not None and done.note is not None:
            # history leaves no work for the journey, so memberships and stages are brought up here, as by an import
            with parts.store.write() as connection:
                refresh_touched(connection, content, parts.clock.now(), done.note)
        return done

    # the client may hang up; what was begun is finished
    taken = await asyncio.shield(asyncio.ensure_future(in_thread(work)))
    refused += [Refusal(index=small[each.index][0], reason=each.reason) for each in taken.rejected]
    refused.sort(key=lambda refusal: refusal.index)
    if refused and len(refused) == len(payloads):
        raise ApiError(400, "invalid", refused[0].reason)
    return JSONResponse(Success(rejected=refused).model_dump(exclude_defaults=not refused) | {"success": True})


def _is_authorised(authorization: str, write_keys: frozenset[str]) -> bool:
    """Say whether the Basic credentials carry a write key; every key is compared, each in constant time."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > 1024:
        return False
    try:
        name = base64.b64decode(encoded.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return False
    return sum(same(name, key.encode()) for key in write_keys) > 0  # `any` would stop at the first that fits


def _expand(raw: bytes, encoding: str) -> bytes:
    """Return the body without its compression. Raises ApiError for a bomb, a broken or an unknown one."""
    if encoding in {"", "identity"}:
        return raw
    if encoding != "gzip":
        raise ApiError(415, "unsupported", "Content-Encoding is gzip, or none")
    unzip = zlib.decompressobj(wbits=31)
    try:
        body = unzip.decompress(raw, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise ApiError(400, "invalid", "the body is no gzip") from None
    if len(body) > MAX_BODY_BYTES or unzip.unconsumed_tail:
        raise ApiError(413, "too_large", f"a request has at most {MAX_BODY_BYTES} bytes, expanded")
    if not unzip.eof or unzip.unused_data:
        raise ApiError(400, "invalid", "the gzip is cut off, or something follows it")
    return body


def _parse(body: bytes) -> dict[str, Any]:
    def refuse(_constant: str) -> None:
        raise ValueError("NaN and Infinity are no JSON")

    try:
        found = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid", f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ApiError(400, "invalid", "the body is a JSON object")
    return found


def _one(kind: str) -> Callable[[Any], Sequence[Any]]:
    return lambda body: [_timed(body | {"type": kind})]


def _many(body: Any) -> Sequence[Any]:
    batch = body.get("batch")
    if not isinstance(batch, list) or not batch:
        raise ApiError(400, "invalid", "batch: a list of messages")
    context = body.get("context")
    common = {"context": context} if isinstance(context, dict) else {}
    return [_timed(common | each) if isinstance(each, dict) else each for each in batch]


def _timed(message: dict[str, Any]) -> dict[str, Any]:
    """Give a message the time that an older client calls originalTimestamp."""
    if message.get("timestamp") is None and message.get("originalTimestamp") is not None:
        message = message | {"timestamp": message["originalTimestamp"]}
    return message


def _within_size(payloads: Sequence[Any]) -> tuple[list[tuple[int, Any]], list[Refusal]]:
    """Return the payloads with their places, and refusals for those that are too large."""
    small, refused = [], []
    for index, payload in enumerate(payloads):
        if len(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass")) > MAX_EVENT_BYTES:
            refused.append(Refusal(index=index, reason=f"a message has at most {MAX_EVENT_BYTES} bytes"))
        else:
            small.append((index, payload))
    return small, refused


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a request's body with everything it refers to inside: openapi_extra knows no components."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"].rsplit("/", 1)[-1]])
            return {key: inline(value) for key, value in node.items()}
        return [inline(item) for item in node] if isinstance(node, list) else node

    found: dict[str, Any] = inline(schema)
    return found
