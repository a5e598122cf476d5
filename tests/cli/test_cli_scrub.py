"""``simkit scrub`` from the command line, and the warning that leads there."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from simkit.cli import main

RECORDING = str(Path(__file__).parents[2] / "recordings" / "pricing-question")


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, [*args], catch_exceptions=False)


def test_a_copy_is_made_and_what_was_replaced_is_told(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("price\n\n pricing \n")
    output = str(tmp_path / "new")
    result = invoke("scrub", RECORDING, "-o", output, "--name", "of", "--names-from", str(names))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{output}: replaced ")
    text = (tmp_path / "new" / "call.jsonl").read_text()
    assert "pricing" not in text.split("\n", 1)[1]


def test_nothing_to_replace_is_told(tmp_path):
    result = invoke("scrub", RECORDING, "-o", str(tmp_path / "new"))
    assert result.stdout == f"{tmp_path / 'new'}: replaced nothing\n"


def test_bad_input_is_one_line_and_code_2(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff")
    new = str(tmp_path / "new")
    for args, expected in (
        ([str(tmp_path / "no"), "-o", new], "there is no such folder"),
        ([RECORDING, "-o", str(tmp_path)], "exists already"),
        ([RECORDING, "-o", new, "--names-from", str(tmp_path / "no")], "No such file"),
        ([RECORDING, "-o", new, "--names-from", str(tmp_path / "bytes")], "expected text in UTF-8"),
    ):
        result = invoke("scrub", *args)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert expected in result.stderr
    assert not Path(new).exists()


def test_an_import_that_holds_personal_things_says_so(tmp_path):
    log = tmp_path / "a.log"
    log.write_text(
        '{"event": "start", "start": {"callSid": "CA5f8e1b2c3d4a5f8e1b2c3d4a5f8e1b2c"}}\n'
        '{"event": "media", "streamSid": "MZ1", "media": {"payload": "/w==", "chunk": "1"}}\n'
    )
    output = str(tmp_path / "call")
    result = invoke("import", str(log), "-o", output)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"simkit: {output} holds what looks personal or secret: SID x1",
        f"simkit: simkit scrub {output} -o FOLDER makes a copy without",
    ]
