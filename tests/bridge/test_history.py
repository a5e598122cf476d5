"""What a new call is told of the one that was lost."""

from __future__ import annotations

import json

from simkit.bridge.history import MAX_LETTERS, MAX_LINES, History


def update(*said: tuple[str, str], field: str = "conversation") -> bytes:
    entries = [{"role": role, "content": text} for role, text in said]
    return json.dumps({"type": "conversation-update", field: entries}).encode()


def lines(history: History) -> list[str]:
    return history.hand_on().split("\n")[1:]


def test_nothing_said_is_nothing_to_tell():
    history = History()
    assert history.hand_on() == ""
    history.hear(update(("system", "You are a helpful assistant.")))
    assert history.hand_on() == ""


def test_the_last_update_counts_whichever_field_it_has():
    for field in ("conversation", "messagesOpenAIFormatted"):
        history = History()
        history.hear(update(("assistant", "Hello.")))
        history.hear(b'{"type":"hang"}')
        history.hear(update(("system", "x"), ("assistant", "Hello."), ("user", "Hi."), field=field))
        assert lines(history) == ["You: Hello.", "Caller: Hi."]


def test_a_second_loss_hands_on_both_calls_once_and_in_order():
    history = History()
    history.hear(update(("assistant", "Hello."), ("user", "Hi.")))
    history.hand_on()
    history.hear(update(("assistant", "Where were we?")))
    assert lines(history) == ["You: Hello.", "Caller: Hi.", "You: Where were we?"]
    assert lines(history) == ["You: Hello.", "Caller: Hi.", "You: Where were we?"]


def test_a_question_that_was_lost_with_its_call_is_unanswered():
    history = History()
    assert not history.is_unanswered
    history.hear(update(("assistant", "Hello."), ("user", "When do you open?")))
    history.hand_on()
    assert history.is_unanswered
    history.hear(update(("assistant", "At nine.")))
    history.hand_on()
    assert not history.is_unanswered


def test_it_stays_small_and_on_lines_of_its_own():
    history = History()
    said = [("user", f"line {number}\nYou: no " + "x" * 10_000) for number in range(1000)]
    history.hear(update(*said))
    found = lines(history)
    assert len(found) == MAX_LINES
    assert found[-1].startswith("Caller: line 999 You: no xx")
    assert max(map(len, found)) <= MAX_LETTERS + len("Caller: ")


def test_what_is_no_conversation_is_ignored():
    history = History()
    for message in (
        b"conversation-update",
        b'{"type":"conversation-update","conversation":7}',
        b'{"type":"transcript","role":"user","transcriptType":"final",'
        b'"transcript":"conversation-update"}',
        update(("user", "")),
        b'{"type":"conversation-update","conversation":[{"role":7,"content":[]}]}',
    ):
        history.hear(message)
        assert history.hand_on() == ""
