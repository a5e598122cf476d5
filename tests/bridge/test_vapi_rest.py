"""Vapi's REST as the bridge uses it: repeated where that helps, bounded, and discreet."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit import new_event_loop
from simkit.bridge import Config, ConfigError
from simkit.bridge.vapi_rest import (
    CreatedCall,
    VapiRest,
    check_url,
    http_client,
    is_vapi_host,
)
from simkit.bridge.vapi_socket import VapiError
from simkit.wire.websocket import address_of, client_core

KEY = "vapi-private-key-123"
SOCKET = "wss://phone-call-websocket.aws-us-west-2.vapi.ai/7420f27a/transport"
CONTROL = "https://phone-call-websocket.aws-us-west-2.vapi.ai/7420f27a/control"


def config(**keys: Any) -> Config:
    return Config(
        public_url="https://bridge.example.com",
        twilio_auth_token="token",
        vapi_api_key=KEY,
        **keys,
    )


def created(url: str = SOCKET, **more: Any) -> httpx.Response:
    body = {"id": "7420f27a", "transport": {"websocketCallUrl": url}, **more}
    return httpx.Response(201, json=body)


class Api:
    """Answers in turn, and keeps what it was asked and when."""

    def __init__(self, *answers: Any, **settings: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.at: list[float] = []
        self.config = config(**settings)
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        self.rest = VapiRest(self.config, self.client)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.at.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = created()
        return answer if isinstance(answer, httpx.Response) else httpx.Response(answer)

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.at, self.at[1:], strict=False)]


def run(body: Callable[[], Any], seed: int = 0) -> Any:
    with asyncio.Runner(loop_factory=lambda: new_event_loop(seed)) as runner:
        return runner.run(body())


def failure(api: Api, **arguments: Any) -> VapiError:
    async def body() -> VapiError:
        with pytest.raises(VapiError) as caught:
            await api.rest.create("CA1", **arguments)
        await api.rest.close()
        return caught.value

    found: VapiError = run(body)
    assert KEY not in str(found)
    assert "7420f27a/transport" not in str(found)
    return found


def test_a_call_is_created_with_its_format_and_the_phone_calls_sid():
    api = Api(created(), vapi_assistant_id="a1", vapi_rate=24000)
    call = run(lambda: api.rest.create("CA1"))
    assert call == CreatedCall("7420f27a", SOCKET)
    [request] = api.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(request.content) == {
        "assistantId": "a1",
        "metadata": {"twilioCallSid": "CA1"},
        "transport": {
            "provider": "vapi.websocket",
            "conversationType": "voice",
            "audioFormat": {"format": "pcm_s16le", "container": "raw", "sampleRate": 24000},
        },
    }


def test_a_call_that_replaces_another_is_told_not_to_greet():
    api = Api(created())
    run(lambda: api.rest.create("CA1", greets=False))
    overrides = json.loads(api.requests[0].content)["assistantOverrides"]
    assert overrides == {"firstMessage": "", "firstMessageMode": "assistant-waits-for-user"}


def test_200_and_an_address_beside_the_transport_are_taken_too():
    api = Api(httpx.Response(200, json={"id": "7420f27a", "websocketCallUrl": SOCKET}))
    assert run(lambda: api.rest.create("CA1")).url == SOCKET


@pytest.mark.parametrize("trouble", [429, 500, 503, httpx.ConnectError("no"), httpx.ConnectTimeout])
def test_trouble_that_passes_is_waited_out(trouble):
    trouble = trouble("late") if isinstance(trouble, type) else trouble
    api = Api(trouble, trouble, trouble, created())
    assert run(lambda: api.rest.create("CA1")).id == "7420f27a"
    for pause, nominal in zip(api.pauses, (1, 2, 4), strict=True):
        assert 0.8 * nominal <= pause <= 1.2 * nominal


def test_the_pauses_differ_from_call_to_call():
    def pauses(seed: int) -> list[float]:
        api = Api(500, 500, created())
        run(lambda: api.rest.create("CA1"), seed)
        return api.pauses

    assert pauses(1) == pauses(1)
    assert pauses(1) != pauses(2)


def test_all_tries_together_take_no_longer_than_one_may():
    api = Api(500, 500, 500, 500, vapi_timeout=2.5)
    error = failure(api)
    assert error.code == 500
    assert str(error) == "POST /call: HTTP 500"
    assert len(api.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_final(status):
    api = Api(httpx.Response(status, json={"message": f"bad {KEY}"}))
    error = failure(api)
    assert (error.code, len(api.requests)) == (status, 1)


def test_an_answer_that_does_not_come_is_not_asked_for_twice():
    api = Api(60.0, vapi_timeout=3.0)
    error = failure(api)
    assert error.code is None
    assert len(api.requests) == 1


def test_an_account_that_holds_too_many_calls_says_so():
    limits = {"concurrencyBlocked": True, "concurrencyLimit": 10, "remainingConcurrentCalls": 0}
    error = failure(Api(created(subscriptionLimits=limits)))
    assert error.code == 429
    assert str(error) == "POST /call: the account may hold no more calls at once"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("wss://vapi.ai.evil.example/x", "evil.example"),
        ("wss://evilvapi.ai/x", "evilvapi.ai"),
        ("wss://vapi.ai@evil.example/x", "evil.example"),
        ("wss://key:word@api.vapi.ai/x", "api.vapi.ai"),
        ("ws://api.vapi.ai/x", "expected wss, found 'ws'"),
        ("https://api.vapi.ai/x", "expected wss, found 'https'"),
        ("wss:///x", "''"),
        ("wss://api.vapi.ai:99999/x", "no URL"),
        ("wss://[::1/x", "no URL"),
        ("wss://api.vapi.ai/x#y", "found a fragment"),
        ("wss://api.vapi.ai/x#", "found a fragment"),
        ("wss://api.vapi.ai/\r\nX-Injected: 1", "no URL"),
        ("wss://api.vapi.ai/ä", "no URL"),
        ("wss://api.vapi.ai/" + "a" * 3000, "no URL"),
    ],
)
def test_an_address_that_is_not_vapis_is_not_followed(url, found):
    error = failure(Api(created(url)))
    assert found in str(error)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("api.vapi.ai", True),
        ("phone-call-websocket.aws-us-west-2.vapi.ai", True),
        ("vapi.ai", False),
        ("api.vapi.ai.example.com", False),
        ("sockets.example.com", True),
        ("a.sockets.example.com", False),
    ],
)
def test_hosts_are_vapis_by_name_or_below_a_domain(host, allowed):
    allows = config(vapi_socket_hosts=("*.vapi.ai", "sockets.example.com"))
    assert is_vapi_host(allows, host) is allowed


@given(
    st.one_of(
        st.text(max_size=40),
        st.text(alphabet="ws:/@#?[].%aV1\\ \t", max_size=30).map("wss://api.vapi.ai".__add__),
        st.text(alphabet="ws:/@#?[].%aV1", max_size=30).map(lambda text: f"wss://{text}.vapi.ai/"),
    )
)
@settings(max_examples=200)
def test_whatever_the_address_is_it_is_refused_or_leads_to_vapi(url):
    try:
        check_url(config(), url, "wss")
    except VapiError:
        return
    host, port, secure = address_of(url)
    found = client_core(url).uri
    assert secure
    assert host.endswith(".vapi.ai")
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    "host", ["*", "", "*.", "https://vapi.ai", "vapi.ai:443", "VAPI.ai", "a b"]
)
def test_a_list_of_hosts_that_would_match_nothing_is_refused(host):
    with pytest.raises(ConfigError, match="vapi_socket_hosts: expected hosts"):
        config(vapi_socket_hosts=("*.vapi.ai", host))


def test_without_tls_at_the_api_the_socket_needs_none():
    local = config(vapi_url="http://127.0.0.1:8080")
    check_url(local, "ws://127.0.0.1:8080/x/transport", "wss")
    with pytest.raises(VapiError, match=r"10\.0\.0\.1"):
        check_url(local, "ws://10.0.0.1/x/transport", "wss")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"id": 1}', b'{"id": "x"}', b"\xff" * 50, b'{"a":' * 5000],
)
def test_an_answer_that_is_no_call_is_named_without_what_it_held(body):
    error = failure(Api(httpx.Response(201, content=body)))
    assert str(error).startswith("answer to POST /call: ")


def test_an_answer_that_is_cut_short_does_not_show_the_address():
    error = failure(Api(httpx.Response(201, json={"transport": {"websocketCallUrl": SOCKET}})))
    assert "missing required field `id`" in str(error)


@pytest.mark.parametrize("identity", ["../assistant/a1", "a/b", "a b", "", "x" * 65, "a?b"])
def test_an_id_that_leads_elsewhere_is_refused(identity):
    error = failure(Api(created(id=identity)))
    assert "id: expected letters, digits and dashes" in str(error)


def test_an_answer_without_end_is_cut_off():
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 65_536
            yield bytes(65_536)

    error = failure(Api(httpx.Response(201, content=endless()), vapi_max_message=262_144))
    assert "larger than 262144 bytes" in str(error)
    assert sent <= 2 * 262_144


def test_a_call_that_nobody_waits_for_any_more_is_deleted():
    api = Api(1.0, 200)

    async def body() -> None:
        creation = asyncio.create_task(api.rest.create("CA1"))
        await asyncio.sleep(0.5)
        creation.cancel()
        await asyncio.gather(creation, return_exceptions=True)
        await asyncio.sleep(2)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(body)
    assert api.asked == ["POST /call", "DELETE /call/7420f27a"]


def test_a_call_that_nobody_waits_for_any_more_is_not_asked_for_again():
    api = Api(503, 200)

    async def body() -> None:
        creation = asyncio.create_task(api.rest.create("CA1"))
        await asyncio.sleep(0.1)  # the second try is due after 0.8 to 1.2 s
        creation.cancel()
        await asyncio.gather(creation, return_exceptions=True)
        await asyncio.sleep(2)

    run(body)
    assert api.asked == ["POST /call"]


def test_a_call_that_was_spoken_in_is_ended_by_its_control_url_without_the_key():
    ongoing = {"status": "in-progress", "monitor": {"controlUrl": CONTROL}}
    api = Api(httpx.Response(200, json=ongoing), 200)

    async def body() -> None:
        api.rest.end(CreatedCall("7420f27a", SOCKET), was_joined=True)
        await api.rest.close()

    run(body)
    assert api.asked == ["GET /call/7420f27a", "POST /7420f27a/control"]
    assert "authorization" not in api.requests[1].headers
    assert json.loads(api.requests[1].content) == {"type": "end-call"}


def test_a_call_that_has_ended_by_itself_is_left_alone():
    api = Api(httpx.Response(200, json={"status": "ended"}))

    async def body() -> None:
        api.rest.end(CreatedCall("7420f27a", SOCKET), was_joined=True)
        await api.rest.close()

    run(body)
    assert api.asked == ["GET /call/7420f27a"]


@pytest.mark.parametrize(
    "answer",
    [
        500,
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"status": "in-progress"}),
        httpx.Response(
            200, json={"status": "in-progress", "monitor": {"controlUrl": "https://evil.example/"}}
        ),
        httpx.ReadError("gone"),
    ],
)
def test_a_call_that_cannot_be_ended_is_said_and_nothing_else(answer, caplog):
    api = Api(answer)

    async def body() -> None:
        api.rest.end(CreatedCall("7420f27a", SOCKET), was_joined=True)
        await api.rest.close()

    with caplog.at_level(logging.WARNING, "simkit.bridge"):
        run(body)
    [record] = caplog.records
    assert "a call may be left at Vapi" in record.getMessage()
    assert KEY not in record.getMessage()
    assert len(api.requests) == 1


def test_closing_waits_a_second_for_what_is_to_be_ended():
    api = Api(60.0)

    async def body() -> float:
        api.rest.end(CreatedCall("7420f27a", SOCKET), was_joined=False)
        began = asyncio.get_running_loop().time()
        await api.rest.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return asyncio.get_running_loop().time() - began

    assert run(body) == pytest.approx(1.0)


def test_nothing_shows_the_key_or_the_address(caplog):
    call = CreatedCall("7420f27a", SOCKET)
    assert "transport" not in repr(call) + str(call)
    assert KEY not in repr(config())


def test_an_answer_that_is_compressed_unasked_is_refused():
    body = httpx.Response(201, content=b"x", headers={"Content-Encoding": "zstd-bomb"})
    assert "compressed" in str(failure(Api(body)))
    assert http_client(config()).headers["accept-encoding"] == "identity"
