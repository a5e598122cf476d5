"""Logs that no recording can be made of: an error names the place, and nothing is written."""

from __future__ import annotations

import pytest

from simkit.recording import RecordingError, import_log, read

START = 1704123456789


def epoch(*entries: tuple[int, str]) -> str:
    return "".join(f"[{START + t_ms}] {text}\n" for t_ms, text in entries)


HELLO = (0, 'TTS started: "Hello."')


@pytest.fixture
def refused(tmp_path):
    """Import a log's text, return why that cannot be; checks that nothing was written."""

    def import_text(text: str) -> str:
        (tmp_path / "a.log").write_text(text)
        with pytest.raises(RecordingError) as caught:
            import_log(tmp_path / "a.log", tmp_path / "call")
        assert [path.name for path in tmp_path.iterdir()] == ["a.log"]
        return str(caught.value).replace(f"{tmp_path}/", "")

    return import_text


def test_an_existing_folder_is_not_touched(tmp_path):
    (tmp_path / "a.log").write_text(epoch(HELLO))
    (tmp_path / "call").mkdir()
    with pytest.raises(RecordingError, match="call: exists already; choose another name"):
        import_log(tmp_path / "a.log", tmp_path / "call")
    assert list((tmp_path / "call").iterdir()) == []


def test_a_bad_line_leaves_nothing_behind(refused):
    assert refused(epoch(HELLO) + "hello\n").startswith("a.log:2: time: expected ")


def test_a_log_in_which_nobody_speaks_is_told(refused):
    assert refused(epoch((0, "Call ended"))) == "a.log: nobody says anything in it"


def test_time_that_is_too_short_to_speak_is_told(refused):
    text = epoch(HELLO, (300, 'STT partial: "yes"'), (400, 'STT final: "yes"'))
    assert refused(text) == ("a.log:2: time: leaves 0.100 s to say 'yes', expected at least 0.25 s")


@pytest.mark.parametrize(
    "entries",
    [
        [(0, 'STT final: "..."')],
        [(0, 'TTS started: " "')],
        [HELLO, (300, 'STT partial: "—"')],
    ],
)
def test_a_text_without_a_word_is_told(refused, entries):
    assert refused(epoch(*entries)).startswith("a.log:")


def test_more_words_than_there_is_time_for_are_told(refused):
    text = epoch((0, f'TTS started: "{"so " * 14}"'), (300, "Buffer flushed: 0.1s audio dropped"))
    assert refused(text).startswith("a.log:")


def test_a_call_of_centuries_is_told(refused):
    text = '[0000000000000] TTS started: "Hello."\n[9999999999999] Call ended\n'
    assert refused(text).startswith("a.log:")


def test_a_flush_of_aeons_is_told(refused):
    text = epoch(HELLO, (100, f"Buffer flushed: {10**15}s audio dropped"))
    assert refused(text).startswith("a.log:")


@pytest.mark.parametrize(
    "entries",
    [
        [HELLO, (5 * 3_600_000, "Call ended")],
        [HELLO, (1000, "Call ended"), (3000, 'TTS started: "Goodbye."')],
        [(0, f'TTS started: "{"hello " * 4000}"')],
    ],
    ids=["over four hours", "speech after the end", "a text of 24,000 characters"],
)
def test_what_is_written_can_be_read(tmp_path, entries):
    (tmp_path / "a.log").write_text(epoch(*entries))
    try:
        import_log(tmp_path / "a.log", tmp_path / "call")
    except RecordingError:
        return
    read(tmp_path / "call")
