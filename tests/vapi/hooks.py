"""A server URL that remembers what Vapi told it, and answers as a test likes."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

URL = "https://hook.example.com/vapi"


class Hook:
    """The server behind ``URL``."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.came: list[tuple[float, dict[str, Any]]] = []
        """When each message came, and what it said."""
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: list[Any] = []
        """What the next requests get: a status, an object with 200, a response, or a function of
        the message that makes one of them; then 200 ``{}``."""
        self.delay = 0.0
        host = sim.host("hook.example.com")
        host.serve(Starlette(routes=[Route("/vapi", self.take, methods=["POST"])]))

    async def take(self, request: Request) -> Response:
        at = self.sim.now
        self.bodies.append(await request.body())
        self.headers.append(dict(request.headers))
        self.came.append((at, (await request.json())["message"]))
        if self.delay:
            await asyncio.sleep(self.delay)
        answer = self.answers.pop(0) if self.answers else {}
        if callable(answer) and not isinstance(answer, Response):
            answer = answer(self.came[-1][1])
        if isinstance(answer, int):
            return Response("no", status_code=answer)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    def of(self, kind: str, **fields: Any) -> list[tuple[float, dict[str, Any]]]:
        return [
            (at, message)
            for at, message in self.came
            if message["type"] == kind
            and all(message.get(key) == value for key, value in fields.items())
        ]

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for _, message in self.came]
