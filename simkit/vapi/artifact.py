"""The artifact: what remains of a call, in Vapi's units.

``time`` and ``endTime`` are epoch milliseconds, ``secondsFromStart`` is seconds from ``startedAt``,
and ``duration`` is milliseconds although the description says seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from ..wire import vapi
from .assistant import Assistant
from .calls import Logged, VapiCall, is_user_final
from .history import Said
from .resources import Dates

_MINUTE_RATES = {"transport": 0.0, "transcriber": 0.010, "vapi": 0.050}
_TOKEN_RATES = (0.15e-6, 0.60e-6)
_CHARACTER_RATE = 50e-6
"""Dollars. Only Vapi's own fee is published as such; the others are in the range of what it
connects to."""
_CHARACTERS_PER_TOKEN = 4


class Artifact:
    """Everything that is known after a call, or so far.

    Args:
        call: the call.
        dates: writes instants.
    """

    def __init__(self, call: VapiCall, dates: Dates) -> None:
        self._call = call
        self._dates = dates
        socket = call.socket
        found = socket.conversation if socket is not None else None
        self._history: list[Said] = [] if found is None else list(found.history)

    # Messages

    def messages(self) -> list[dict[str, Any]]:
        """Return ``messages``: system, user, bot and tools, in order of time."""
        found = [*self._spoken(), *((ns, dict(tool)) for ns, tool in self._call.tools)]
        found.sort(key=lambda entry: entry[0])
        start_ns = self._start_ns
        system = self._system()
        if system:
            found.insert(0, (start_ns, {"role": "system", "message": system}))
        start_ms = self._dates.ms(start_ns)
        for at_ns, message in found:
            time = self._dates.ms(at_ns)
            message |= {"time": time, "secondsFromStart": (time - start_ms) / 1000}
        return [message for _, message in found]

    def openai_messages(self) -> list[dict[str, str]]:
        """Return ``messagesOpenAIFormatted``."""
        system = self._system()
        found = [{"role": "system", "content": system}] if system else []
        return found + [{"role": said.role, "content": said.text} for said in self._history]

    def transcript(self) -> str:
        """Return what was said: a line each, ``AI:`` or ``User:`` in front."""
        names = {"assistant": "AI", "user": "User"}
        return "".join(
            f"{names[said.role]}: {said.text}\n"
            for said in self._history
            if said.role in names and said.end_ns > said.start_ns
        )

    def _spoken(self) -> list[tuple[int, dict[str, Any]]]:
        """Return what each said, with its instant; the bot's deliveries in a row are one."""
        found: list[tuple[int, dict[str, Any]]] = []
        started = [entry for entry in self._call.log if _is_start(entry.message, "user")]
        last_bot: tuple[int, dict[str, Any]] | None = None
        for said in self._history:
            start_ns, end_ns = said.start_ns, said.end_ns
            if said.role == "user":
                # Of a user the onset is known as the transcriber noticed it, not as it sounded.
                noticed = [e.t_ns for e in started if start_ns <= e.t_ns <= end_ns]
                start_ns = noticed[0] if noticed else start_ns
                message = self._timed("user", said.text, start_ns, end_ns)
                last_bot = None
            elif said.role == "assistant":
                message = self._timed("bot", said.text, start_ns, end_ns) | {"source": ""}
                if last_bot is not None:
                    self._join(last_bot, message)
                    continue
                last_bot = (start_ns, message)
            else:
                message = {"role": said.role, "message": said.text}
            found.append((start_ns, message))
        return found

    def _timed(self, role: str, text: str, start_ns: int, end_ns: int) -> dict[str, Any]:
        time, end = self._dates.ms(start_ns), self._dates.ms(end_ns)
        return {"role": role, "message": text, "endTime": end, "duration": end - time}

    @staticmethod
    def _join(last: tuple[int, dict[str, Any]], message: dict[str, Any]) -> None:
        """Add another delivery; the duration counts audio, not what is between."""
        first = last[1]
        first["message"] += " " + message["message"]
        first["endTime"] = message["endTime"]
        first["duration"] += message["duration"]

    def _system(self) -> str:
        known = self._call.setting("model", "messages", default=[])
        if not isinstance(known, list):
            return ""
        texts = [
            entry.get("content")
            for entry in known
            if isinstance(entry, dict) and entry.get("role") == "system"
        ]
        return "\n".join(text for text in texts if isinstance(text, str))

    @property
    def _start_ns(self) -> int:
        call = self._call
        return call.created_ns if call.started_ns is None else call.started_ns

    # Measures

    def performance(self) -> dict[str, Any]:
        """Return ``performanceMetrics``, in milliseconds.

        A turn's latency is measured: from the end of the user's last word, as it arrived, to the
        assistant's audio. Model and voice are what the assistant's settings say; what passes until
        the final transcript is the transcriber's, and what is left is endpointing.
        """
        finals = [entry for entry in self._call.log if is_user_final(entry.message)]
        answers = [said.start_ns for said in self._history if said.role == "assistant"]
        latencies = []
        for number, final in enumerate(finals):
            # An answer to this one begins before the user is done with the next.
            first = bisect_left(answers, final.t_ns)
            until_ns = finals[number + 1].t_ns if number + 1 < len(finals) else None
            if first < len(answers) and (until_ns is None or answers[first] < until_ns):
                latencies.append(self._latencies(final, answers[first]))
        found: dict[str, Any] = {"turnLatencies": latencies}
        for name in ("model", "voice", "transcriber", "endpointing", "turn"):
            values = [latency[f"{name}Latency"] for latency in latencies]
            if values:
                found[f"{name}LatencyAverage"] = round(sum(values) / len(values), 2)
        found["numUserInterrupted"] = self._users_interrupted()
        # The assistant is who gets interrupted; the other number counts users whom it interrupts.
        found["numAssistantInterrupted"] = sum(
            isinstance(entry.message, vapi.UserInterrupted) for entry in self._call.log
        )
        return found

    def _latencies(self, final: Logged, answer_ns: int) -> dict[str, int]:
        assistant = self._call.assistant or Assistant()
        total = round((answer_ns - final.speech_end_ns) / 1e6)
        transcriber = min(total, round((final.t_ns - final.speech_end_ns) / 1e6))
        rest = total - transcriber
        model = min(rest, round(assistant.llm * 1000))
        voice = min(rest - model, round(assistant.tts * 1000))
        return {
            "modelLatency": model,
            "voiceLatency": voice,
            "transcriberLatency": transcriber,
            "endpointingLatency": rest - model - voice,
            "turnLatency": total,
        }

    def _users_interrupted(self) -> int:
        """Count answers that began while the user was speaking."""
        users = [said for said in self._history if said.role == "user"]
        return sum(
            any(user.start_ns < said.start_ns < user.end_ns for user in users)
            for said in self._history
            if said.role == "assistant"
        )

    # Costs

    def costs(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return ``costs`` and ``costBreakdown``, in dollars, by what was really said."""
        call = self._call
        end_ns = self._start_ns if call.ended_ns is None else call.ended_ns
        minutes = round((end_ns - self._start_ns) / 60e9, 4) if call.started_ns is not None else 0.0
        characters = sum(len(said.text) for said in self._history if said.role == "assistant")
        completion = -(-characters // _CHARACTERS_PER_TOKEN)
        prompt, sofar = 0, len(self._system())
        for said in self._history:
            sofar += len(said.text)
            if said.role == "user":
                prompt += -(-sofar // _CHARACTERS_PER_TOKEN)
        by_minute = {name: round(minutes * rate, 4) for name, rate in _MINUTE_RATES.items()}
        llm = round(prompt * _TOKEN_RATES[0] + completion * _TOKEN_RATES[1], 4)
        tts = round(characters * _CHARACTER_RATE, 4)
        costs: list[dict[str, Any]] = [
            {"type": "transport", "provider": "vapi.websocket", "minutes": minutes},
            {"type": "transcriber", "transcriber": self._part("transcriber"), "minutes": minutes},
            {
                "type": "model",
                "model": self._part("model"),
                "promptTokens": prompt,
                "completionTokens": completion,
            },
            {"type": "voice", "voice": self._part("voice"), "characters": characters},
            {"type": "vapi", "subType": "normal", "minutes": minutes},
        ]
        amounts = [by_minute["transport"], by_minute["transcriber"], llm, tts, by_minute["vapi"]]
        for cost, amount in zip(costs, amounts, strict=True):
            cost["cost"] = amount
        breakdown = {
            "transport": by_minute["transport"],
            "stt": by_minute["transcriber"],
            "llm": llm,
            "tts": tts,
            "vapi": by_minute["vapi"],
            "chat": 0,
            "total": round(sum(amounts), 4),
            "llmPromptTokens": prompt,
            "llmCompletionTokens": completion,
            "llmCachedPromptTokens": 0,
            "ttsCharacters": characters,
        }
        return costs, breakdown

    def _part(self, name: str) -> dict[str, Any]:
        found = self._call.setting(name, default={})
        return {key: found[key] for key in ("provider", "model", "voiceId") if key in found}

    # All of it

    def spoken_json(self) -> dict[str, Any]:
        """Return what an artifact holds while the call goes on."""
        return {
            "messages": self.messages(),
            "messagesOpenAIFormatted": self.openai_messages(),
            "transcript": self.transcript(),
        }

    def artifact_json(self, urls: dict[str, str]) -> dict[str, Any]:
        """Return ``artifact``.

        Args:
            urls: of the recordings by kind, and ``log``.
        """
        call = self._call
        found = self.spoken_json()
        if "mono" in urls:
            found |= {
                "recordingUrl": urls["mono"],
                "stereoRecordingUrl": urls["stereo"],
                "recording": {
                    "stereoUrl": urls["stereo"],
                    "mono": {
                        "combinedUrl": urls["mono"],
                        "assistantUrl": urls["assistant"],
                        "customerUrl": urls["customer"],
                    },
                },
            }
        if "log" in urls:
            found["logUrl"] = urls["log"]
        activation = {
            "assistantId": call.assistant_id,
            "assistantName": call.setting("name"),
        }
        found |= {
            "nodes": [],
            "assistantActivations": [{k: v for k, v in activation.items() if v is not None}],
            "variableValues": call.setting("variableValues", default={}),
            "performanceMetrics": self.performance(),
            "transfers": [] if call.destination is None else [{"destination": call.destination}],
        }
        return found

    def call_json(self, urls: dict[str, str]) -> dict[str, Any]:
        """Return the fields that a Call resource gains once it has an artifact."""
        artifact = self.artifact_json(urls)
        costs, breakdown = self.costs()
        found = {
            "artifact": artifact,
            "messages": artifact["messages"],
            "transcript": artifact["transcript"],
            "cost": breakdown["total"],
            "costs": costs,
            "costBreakdown": breakdown,
            "analysis": {},
        }
        for name in ("recordingUrl", "stereoRecordingUrl"):
            if name in artifact:
                found[name] = artifact[name]
        return found


def _is_start(message: vapi.ServerMessage, role: str) -> bool:
    return (
        isinstance(message, vapi.SpeechUpdate)
        and message.role == role
        and message.status == "started"
    )
