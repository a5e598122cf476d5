"""``POST /call``: what the API takes, and how it refuses the rest.

Errors are in the style of NestJS: a list of messages, each of which names a property. Published
examples exist of the unknown property and of the missing phone number; the words of the others
follow that style.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ..wire import vapi
from .servers import problems_of

MAX_NAME = 40
LOWEST_RATE, HIGHEST_RATE = 3_000, 192_000
"""Rates in Hz that are taken. Documented is 0 to 192,000; Vapi's own tool takes no less than 3,000,
and below that there is no speech."""

PHONE_NUMBER = "Couldn't Get Phone Number. Need Either `phoneNumberId` Or `phoneNumber`."


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CALL = _names(
    "assistant assistantId assistantOverrides assistantVersion customer customerId customers name "
    "metadata phoneNumber phoneNumberId schedulePlan squad squadId squadOverrides squadVersion "
    "transport workflow workflowId workflowOverrides"
)
_OLDER = _names(
    "backgroundDenoisingEnabled customerJoinTimeoutSeconds llmRequestDelaySeconds "
    "numWordsToInterruptAssistant recordingEnabled responseDelaySeconds serverUrl serverUrlSecret "
    "silenceTimeoutSeconds videoRecordingEnabled"
)
"""Taken, though no longer listed."""
_ASSISTANT = _OLDER | _names(
    "analysisPlan artifactPlan backgroundSound backgroundSpeechDenoisingPlan clientMessages "
    "compliancePlan credentialIds credentials endCallMessage endCallPhrases firstMessage "
    "firstMessageInterruptionsEnabled firstMessageMode hooks keypadInputPlan maxDurationSeconds "
    "metadata model modelOutputInMessagesEnabled monitorPlan name observabilityPlan server "
    "serverMessages startSpeakingPlan stopSpeakingPlan transcriber transportConfigurations voice "
    "voicemailDetection voicemailMessage"
)
_OVERRIDES = _ASSISTANT | {"variableValues", "tools:append"}
_OBJECTS = (
    "squad",
    "squadOverrides",
    "workflow",
    "workflowOverrides",
    "customer",
    "schedulePlan",
    "metadata",
)
_TEXTS = ("assistantId", "squadId", "workflowId", "name")


class RefusedError(Exception):
    """A body is refused with 400; ``message`` is a text or a list of texts."""

    def __init__(self, message: str | list[str]) -> None:
        super().__init__(message if isinstance(message, str) else "; ".join(message))
        self.message = message


@dataclass(frozen=True)
class Order:
    """A call that is asked for."""

    audio: vapi.AudioFormat
    assistant_id: str | None
    assistant: dict[str, Any]
    overrides: dict[str, Any]
    name: str | None
    metadata: dict[str, Any] | None


def order_from(body: bytes) -> Order:
    """Read the body of ``POST /call``.

    Raises:
        RefusedError: with what Vapi answers.
    """
    found = json_object(body)
    wrong = [f"property {key} should not exist" for key in found if key not in _CALL]
    wrong += [
        f"{key} must be a string" for key in _TEXTS if not isinstance(found.get(key), str | None)
    ]
    if isinstance(found.get("name"), str) and len(found["name"]) > MAX_NAME:
        wrong.append(f"name must be shorter than or equal to {MAX_NAME} characters")
    wrong += [f"{key} must be an object" for key in _OBJECTS if not _is_object(found.get(key))]
    wrong += _assistant_problems(found.get("assistant"), "assistant", _ASSISTANT)
    wrong += _assistant_problems(found.get("assistantOverrides"), "assistantOverrides", _OVERRIDES)
    transport = found.get("transport")
    if not _is_object(transport):
        wrong.append("transport must be an object")
    if wrong:
        raise RefusedError(wrong)
    if not transport or transport.get("provider") != "vapi.websocket":
        # Any other call is one to a phone.
        raise RefusedError(PHONE_NUMBER)
    wrong = [
        f"{key} is not permitted with transport.provider vapi.websocket"
        for key in ("phoneNumber", "phoneNumberId")
        if found.get(key) is not None
    ]
    audio, more = _audio(transport)
    if wrong or more:
        raise RefusedError(wrong + more)
    return Order(
        audio,
        found.get("assistantId"),
        found.get("assistant") or {},
        found.get("assistantOverrides") or {},
        found.get("name"),
        found.get("metadata"),
    )


def json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RefusedError: it is something else.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RefusedError(f"Body is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise RefusedError(["body must be an object"])
    return found


def config_problems(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with an assistant's configuration."""
    return _assistant_problems(config, "assistant", _ASSISTANT)


def _is_object(found: object) -> bool:
    return found is None or isinstance(found, dict)


def _assistant_problems(found: object, name: str, known: frozenset[str]) -> list[str]:
    if found is None:
        return []
    if not isinstance(found, dict):
        return [f"{name} must be an object"]
    wrong = [f"{name}.property {key} should not exist" for key in found if key not in known]
    if found.get("server") is not None:
        wrong += problems_of(found["server"], f"{name}.server")
    if found.get("serverUrl") is not None:
        older = {"url": found["serverUrl"]}
        wrong += [
            problem.replace(f"{name}.server.url", f"{name}.serverUrl")
            for problem in problems_of(older, f"{name}.server")
        ]
    if found.get("serverUrlSecret") is not None:
        older = {"secret": found["serverUrlSecret"]}
        wrong += [
            problem.replace(f"{name}.server.secret", f"{name}.serverUrlSecret")
            for problem in problems_of(older, f"{name}.server")
        ]
    for key in ("serverMessages", "clientMessages"):
        kinds = found.get(key)
        if kinds is not None and not (
            isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)
        ):
            wrong.append(f"each value in {name}.{key} must be a string")
    wrong += [
        f"{name}.{key} must be an object"
        for key in ("artifactPlan", "monitorPlan", "model", "voice", "transcriber", "metadata")
        if not _is_object(found.get(key))
    ]
    if not isinstance(found.get("name"), str | None):
        wrong.append(f"{name}.name must be a string")
    elif len(found.get("name") or "") > MAX_NAME:
        wrong.append(f"{name}.name must be shorter than or equal to {MAX_NAME} characters")
    return wrong


def _audio(transport: dict[str, Any]) -> tuple[vapi.AudioFormat, list[str]]:
    """Return the format that is asked for, and what is wrong with it."""
    found = transport.get("audioFormat")
    if found is None:
        return vapi.AudioFormat(), []
    name = "transport.audioFormat"
    if not isinstance(found, dict):
        return vapi.AudioFormat(), [f"{name} must be an object"]
    known = ("format", "container", "sampleRate")
    wrong = [f"{name}.property {key} should not exist" for key in found if key not in known]
    kind, rate = found.get("format"), found.get("sampleRate")
    if kind not in ("pcm_s16le", "mulaw"):
        wrong.append(f"{name}.format must be one of the following values: pcm_s16le, mulaw")
    if found.get("container", "raw") != "raw":
        wrong.append(f"{name}.container must be one of the following values: raw")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate != int(rate):
        wrong.append(f"{name}.sampleRate must be a number conforming to the specified constraints")
    elif rate < LOWEST_RATE:
        wrong.append(f"{name}.sampleRate must not be less than {LOWEST_RATE}")
    elif rate > HIGHEST_RATE:
        wrong.append(f"{name}.sampleRate must not be greater than {HIGHEST_RATE}")
    if wrong:
        return vapi.AudioFormat(), wrong
    return vapi.AudioFormat(kind, "raw", int(rate)), []  # type: ignore[arg-type]
