"""Logs as the two articles print them, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkit.recording import RecordingError
from simkit.recording.seed_logs import LogLine, read

SOURCES = Path(__file__).parents[2] / "recordings" / "sources"

EPOCH = (
    '[1704123456789] TTS started: "Your appointment is scheduled..." '
    '[1704123457123] STT partial: "wait" (334ms into TTS) '
    "[1704123457145] Buffer flushed: 2.1s audio dropped"
)
CLOCK = """\
14:23:41.203 [STT] Partial: "Can you tell me about—"
14:23:41.287 [TTS] Chunk received (2.4KB)
14:23:41.289 [AUDIO] Playing chunk 1/3
14:23:41.300 [TTS] Started: "Sure."
14:23:41.512 [STT] Final: "Can you tell me about pricing"
14:23:41.520 [BARGE-IN] User speech detected
14:23:41.521 [AUDIO] source.stop() called
14:23:41.523 [BUFFER] Flushed 2 pending chunks
14:23:51.500 [CALL] Ended
"""


@pytest.fixture
def log(tmp_path):
    """Write a log, return what is read in it."""

    def read_text(text: str | bytes) -> list[LogLine]:
        path = tmp_path / "call.log"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(path)

    return read_text


@pytest.fixture
def refusal(log, tmp_path):
    """Write a log, return why it is refused, without its folder."""

    def read_text(text: str | bytes) -> str:
        with pytest.raises(RecordingError) as caught:
            log(text)
        message = str(caught.value)
        assert message.isprintable()
        return message.replace(f"{tmp_path}/", "")

    return read_text


# Both formats


def test_several_entries_may_stand_on_one_line(log):
    assert log(EPOCH) == [
        LogLine(1, 1704123456789.0, "tts", "Your appointment is scheduled"),
        LogLine(1, 1704123457123.0, "partial", "wait"),
        LogLine(1, 1704123457145.0, "flushed", "", 2.1),
    ]


def test_entries_on_lines_of_their_own_read_the_same(log):
    lines = log(EPOCH.replace(" [", "\n["))
    assert [entry.number for entry in lines] == [1, 2, 3]
    assert [entry.kind for entry in lines] == ["tts", "partial", "flushed"]


def test_the_other_kinds_of_the_epoch_format(log):
    lines = log('[1704123459012] STT final: "yes"\n[1704123459013] Call ended')
    assert [(entry.kind, entry.text) for entry in lines] == [("final", "yes"), ("ended", "")]


def test_every_kind_of_the_clock_format(log):
    assert [entry.kind for entry in log(CLOCK)] == [
        "partial",
        "chunk",
        "chunk",
        "tts",
        "final",
        "detected",
        "flushed",
        "dropped",
        "ended",
    ]


def test_the_time_of_day_counts_in_milliseconds(log):
    assert log(CLOCK)[0].t_ms == ((14 * 60 + 23) * 60 + 41) * 1000 + 203


def test_detections_are_334_344_and_22_ms_apart_as_printed():
    entries = read(SOURCES / "three-interruptions.log")
    start, partial, flushed, start2, partial2, flushed2 = (entry.t_ms for entry in entries[:6])
    assert (partial - start, flushed - partial) == (334.0, 22.0)
    assert (partial2 - start2, flushed2 - partial2) == (344.0, 22.0)
    assert [entries[2].seconds, entries[5].seconds] == [2.1, 1.8]


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        ("Your appointment is scheduled...", "Your appointment is scheduled"),
        ("Can you tell me about—", "Can you tell me about"),
        ("and then…", "and then"),
        ("Goodbye.", "Goodbye."),
        ("3... no, 4 please", "3... no, 4 please"),
    ],
)
def test_what_marks_a_text_as_cut_off_is_dropped(log, printed, text):
    [entry] = log(f'[1704123456789] TTS started: "{printed}"')
    assert entry.text == text


# Comments


def test_comments_and_empty_lines_are_no_entries(log):
    entries = log(f"# a comment\n\n   \n#\n{EPOCH}\n# the end")
    assert [entry.number for entry in entries] == [5, 5, 5]


def test_composed_and_log_say_where_the_lines_below_come_from(log):
    entries = log(
        "[1704123456789] Call ended\n"
        "# composed\n[1704123456790] Call ended\n"
        "# a remark changes nothing\n[1704123456791] Call ended\n"
        "# log: again\n[1704123456792] Call ended\n"
        "#composed\n[1704123456793] Call ended\n"
    )
    assert [entry.origin for entry in entries] == ["log", "composed", "composed", "log", "composed"]


# Refusals


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(RecordingError, match=r"no\.log: No such file or directory"):
        read(tmp_path / "no.log")


def test_a_folder_is_no_log(tmp_path):
    with pytest.raises(RecordingError, match="Is a directory"):
        read(tmp_path)


def test_text_that_is_not_utf_8_is_told(refusal):
    assert refusal(b"\xff\xfe").startswith("call.log: expected text in UTF-8: ")


@pytest.mark.parametrize("text", ["", "\n\n", "# only comments\n"])
def test_a_log_without_entries_is_told(refusal, text):
    assert refusal(text) == "call.log: no log entry in it"


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "[170412345678] Call ended",
        "[17041234567890] Call ended",
        "first [1704123456789] Call ended",
        "14:23:41 [CALL] Ended",
        "14:23:41.20 [CALL] Ended",
        "14:23:41.203 Ended",
        "\x1b[2J",
    ],
)
def test_a_line_without_a_time_names_what_was_expected_and_found(refusal, line):
    message = refusal(f"[1704123456000] Call ended\n{line}\n")
    assert message.startswith(
        "call.log:2: time: expected [1704123456789] or 14:23:41.203 [TAG], found "
    )
    assert line.lstrip("\x1b")[:20] in message


@pytest.mark.parametrize(
    "message",
    [
        "Something else",
        "TTS started: Your appointment",
        'TTS started: ""',
        "Buffer flushed: much audio dropped",
        "Buffer flushed: -1s audio dropped",
        "",
        'STT final: "a" and more',
    ],
)
def test_an_unknown_entry_names_what_was_expected_and_found(refusal, message):
    assert refusal(f"# one\n\n[1704123456789] {message}") == (
        "call.log:3: message: expected one of tts, partial, final, flushed, ended, found "
        f"{message!r}"
    )


def test_an_unknown_entry_of_the_clock_format_names_its_own_kinds(refusal):
    assert refusal("14:23:41.203 [DTMF] 1") == (
        "call.log:1: message: expected one of tts, chunk, partial, final, detected, flushed, "
        "dropped, ended, found '[DTMF] 1'"
    )


def test_a_bad_entry_in_the_middle_of_a_line_is_found(refusal):
    text = EPOCH.replace("STT partial", "STT guess")
    assert refusal(text).startswith("call.log:1: message: expected one of tts, partial")


def test_a_long_line_is_shortened(refusal):
    assert len(refusal("x" * 100_000)) < 300


def test_time_does_not_go_back(refusal, log):
    assert refusal("[1704123456789] Call ended\n# x\n[1704123456788] Call ended") == (
        "call.log:3: time: goes back by 1 ms"
    )
    assert len(log("[1704123456789] Call ended\n[1704123456789] Call ended")) == 2


def test_a_text_may_hold_brackets(log):
    [entry] = log('[1704123456789] TTS started: "Press [1] please"')
    assert entry.text == "Press [1] please"


def test_a_call_may_last_past_midnight(log):
    entries = log(
        """23:59:59.500 [TTS] Started: "Hello."
00:00:01.000 [STT] Final: "hello"
00:00:02.250 [CALL] Ended"""
    )
    assert [entry.t_ms - entries[0].t_ms for entry in entries] == [0, 1500, 2750]
