"""Applications that are of no use as a bridge, each in its own way."""

from __future__ import annotations

import asyncio
import contextlib
import time

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

CONNECT = '<Response><Connect><Stream url="wss://bridge.example.com/media"/></Connect></Response>'


async def connects(request):
    return Response(CONNECT, media_type="text/xml")


async def listens(socket):
    await socket.accept()
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def app(voice=connects, media=listens, lifespan=None) -> Starlette:
    routes = [Route("/voice/inbound", voice, methods=["POST"]), WebSocketRoute("/media", media)]
    return Starlette(routes=routes, lifespan=lifespan)


async def says_nothing_to_do(request):
    return Response("<Response/>", media_type="text/xml")


async def only_pauses(request):
    return Response('<Response><Pause length="600"/></Response>', media_type="text/xml")


async def never_answers(request):
    await asyncio.Event().wait()


async def sleeps_for_days(request):
    time.sleep(1e6)


async def polls_without_waiting(request):
    while True:
        await asyncio.sleep(0)


async def computes_for_ever(request):
    while True:
        pass


def computes_in_a_thread(request):
    end = time.perf_counter_ns  # the virtual clock stands still meanwhile
    while end() >= 0 and not STOP:
        pass


STOP: list[bool] = []
"""Anything in it lets threads end."""


@contextlib.asynccontextmanager
async def starts_never(app):
    await asyncio.Event().wait()
    yield


@contextlib.asynccontextmanager
async def starts_by_polling(app):
    while True:
        await asyncio.sleep(1)
    yield
