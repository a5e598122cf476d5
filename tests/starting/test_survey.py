from __future__ import annotations

import pytest

from simkit.starting import sources, survey
from simkit.starting.accounts import values
from simkit.twilio import AUTH_TOKEN
from tests.starting import projects


@pytest.fixture
def project(tmp_path):
    """Write a project, and read it."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return survey(tmp_path)

    return write


def specs(found):
    return [(one.spec, one.framework) for one in found.candidates]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from fastapi import FastAPI\napp = FastAPI()", [("m:app", "FastAPI")]),
        ("import fastapi as f\napi: f.FastAPI = f.FastAPI()", [("m:api", "FastAPI")]),
        ("from aiohttp import web\nsite = web.Application()", [("m:site", "aiohttp")]),
        (
            "from fastapi import FastAPI\ndef make(debug=False):\n    a = FastAPI()\n    return a",
            [("m:make", "FastAPI, made by a function")],
        ),
        (
            "from fastapi import FastAPI\ndef make(): return FastAPI()\napp = make()",
            [("m:app", "FastAPI")],
        ),
        (
            "from fastapi import FastAPI\napp = FastAPI()\napp = Middleware(app)",
            [("m:app", "FastAPI")],
        ),
        ("from elsewhere import create\napp = create()", [("m:app", "ASGI, perhaps")]),
        ("from fastapi import FastAPI\ndef make(config): return FastAPI()", []),
        ("def app(): return 3", []),
        (
            "import websockets\nasync def run():\n    await websockets.serve(print, '', 80)",
            [("m:run", "websockets, a program of its own")],
        ),
    ],
)
def test_what_may_be_the_bridge_is_found(project, source, expected):
    assert specs(project(m=source)) == expected


def test_a_main_that_serves_what_is_there_by_itself_is_no_second_candidate(project):
    source = (
        "import uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "async def main():\n    await uvicorn.Server(uvicorn.Config(app)).serve()\n"
    )
    assert specs(project(m=source)) == [("m:app", "FastAPI")]


def test_an_application_that_has_nothing_to_do_with_calls_is_no_candidate_beside_one_that_has(
    project,
):
    other = "from fastapi import FastAPI\napp = FastAPI()"
    found = project(admin=other, bridge=f"{other}\nTWIML = '<Connect>'")
    assert specs(found) == [("bridge:app", "FastAPI")]


def test_modules_are_named_from_src_and_from_packages(project):
    found = project(src__calls____init__="", src__calls__vapi="", src__calls__app="app = make()")
    assert specs(found) == [("calls.app:app", "ASGI, perhaps")]


def test_what_is_no_python_is_named_with_its_line_and_the_rest_is_read(project, tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe")
    found = project(broken="def f(:\n", m="from fastapi import FastAPI\napp = FastAPI()")
    assert specs(found) == [("m:app", "FastAPI")]
    assert found.unreadable[1] == "broken.py:1: invalid syntax"
    assert found.unreadable[0].startswith("binary.py: 'utf-8' codec can't decode")


def test_tests_installed_files_and_links_to_elsewhere_are_not_read(project, tmp_path):
    app = "from fastapi import FastAPI\napp = FastAPI()"
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    found = project(env__lib=app, tests__m=app, test_m=app, conftest=app, node_modules__m=app)
    assert found.candidates == []
    assert found.sources.files == {}


def test_what_cannot_be_imported_is_not_read(project, tmp_path):
    (tmp_path / "__init__.py").touch()
    assert project(**{"my-app": "app = make()", "a b__m": "app = make()"}).sources.files == {}


def test_of_very_many_files_the_first_are_read(project, monkeypatch):
    monkeypatch.setattr(sources, "_MOST_FILES", 2)
    assert set(project(c="", a="", b="").sources.files) == {"a", "b"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "@app.post('/incoming')\ndef f(): return '<Connect>'",
            [("POST", "/incoming"), ("POST", "/voice/inbound")],
        ),
        ("@app.get('/health')\ndef f(): return {}", [("POST", "/voice/inbound")]),
        ("@app.websocket('/voice')\ndef f(): return '<Connect>'", [("POST", "/voice/inbound")]),
        (
            "T = '<Response>'\n@app.api_route('/x', methods=['GET', 'POST'])\ndef f(): return T",
            [("POST", "/x"), ("POST", "/voice/inbound")],
        ),
        (
            "@r.post('/status')\ndef s(): return '<Response/>'\n"
            "@r.post('/answer')\ndef f(): return VoiceResponse()",
            [("POST", "/answer"), ("POST", "/status"), ("POST", "/voice/inbound")],
        ),
        (
            "from aiohttp import web\nasync def f(r): return T\nT = 'text/xml'\n"
            "app.add_routes([web.post('/a', f)])\napp.router.add_post('/b', f)",
            [("POST", "/b"), ("POST", "/a"), ("POST", "/voice/inbound")],
        ),
        (
            "r = APIRouter(prefix='/v1')\n@r.post('/call')\ndef f(): return '<Connect>'",
            [("POST", "/call"), ("POST", "/v1/call"), ("POST", "/voice/inbound")],
        ),
    ],
)
def test_what_may_be_the_webhook_is_found_the_likeliest_first(project, source, expected):
    routes = project(m=source).routes("m:app")
    assert [(route.method, route.path) for route in routes] == expected


def test_a_program_on_bare_websockets_is_asked_with_get(project):
    bare = projects.WEBSOCKETS.partition("async def main")[0]
    routes = project(server=bare + projects.ANSWERS_GET).routes("server:main")
    assert ("GET", "/voice") in [(route.method, route.path) for route in routes]


def test_what_is_read_of_the_environment_is_found_wherever_the_bridge_reaches(project):
    found = project(
        bridge="from os import environ, getenv as ask\nimport settings\n"
        "environ['VAPI_API_KEY'] + ask('PUBLIC_URL')\nint(environ['RETRIES'])\n"
        "environ.get('LOG', 'x')\nenviron['SET'] = 'by itself'",
        settings="from pydantic_settings import BaseSettings\n"
        "class S(BaseSettings):\n    twilio_auth_token: str\n    port: int = 80\n",
        unrelated="import os\nos.environ['NOBODYS']",
    )
    variables = {v.name: (v.is_needed, v.is_number) for v in found.variables("bridge:app")}
    assert variables == {
        "LOG": (False, False),
        "PORT": (False, True),
        "PUBLIC_URL": (True, False),
        "RETRIES": (True, True),
        "TWILIO_AUTH_TOKEN": (True, False),
        "VAPI_API_KEY": (True, False),
    }
    told = {v.name: (v.text, v.is_guess) for v in values(found.variables("bridge:app"))}
    assert told == {
        "PUBLIC_URL": ("https://bridge.example.com", False),
        "RETRIES": ("1", True),
        "TWILIO_AUTH_TOKEN": (AUTH_TOKEN, False),
        "VAPI_API_KEY": ("simkit-vapi-api-key", False),
    }


def test_so_is_what_a_package_above_reads(project):
    found = project(
        calls____init__="",
        calls__settings="import os\nos.environ['LINE']",
        calls__web____init__="",
        calls__web__app="from ..settings import LINE\napp = make()",
    )
    assert [variable.name for variable in found.variables("calls.web.app:app")] == ["LINE"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ASSISTANT_ID", "an-assistant"),
        ("DATABASE_URL", "simulated"),
        ("PUBLIC_HOST", "bridge.example.com"),
        ("SERVER_URL", "https://bridge.example.com"),
        ("STREAM_URL", "wss://bridge.example.com"),
        ("TWILIO_ACCOUNT_SID", "AC" + 32 * "0"),
        ("TWILIO_PHONE_NUMBER", "+15550100"),
        ("VAPI_PRIVATE_KEY", "simkit-vapi-api-key"),
        ("VAPI_WEBHOOK_SECRET", "simulated"),
    ],
)
def test_names_tell_what_variables_mean(project, name, text):
    (value,) = values(project(m=f"import os\nos.environ['{name}']").variables("m:app"))
    if name == "TWILIO_ACCOUNT_SID":
        assert value.written == "ACCOUNT_SID"
    else:
        assert value.text == text
