"""The page that the documentation shows, run by node against stand-ins for what a browser has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOORS = Path(__file__).parents[2] / "docs" / "how-to" / "bridge-doors.md"

STAND_INS = """
const sent = [], played = [], stopped = [];
let port, socket, now = 0;
globalThis.AudioContext = class {
  constructor({ sampleRate }) { this.sampleRate = sampleRate; this.destination = {}; }
  audioWorklet = { addModule: async () => {} };
  get currentTime() { return now; }
  createMediaStreamSource() { return { connect() {} }; }
  createBuffer(channels, length, rate) {
    const data = new Float32Array(length);
    return { duration: length / rate, getChannelData: () => data };
  }
  close() { stopped.push("context"); }
};
globalThis.AudioWorkletNode = class { constructor() { port = this.port = {}; } };
globalThis.AudioBufferSourceNode = class {
  constructor(context, { buffer }) { this.buffer = buffer; }
  connect() {}
  start(at) { played.push([at, ...this.buffer.getChannelData()]); }
  stop() { stopped.push("source"); }
};
globalThis.WebSocket = class {
  static OPEN = 1;
  constructor(url) { this.url = url; this.readyState = 0; socket = this; }
  send(text) { sent.push(text); }
  close() { stopped.push("socket"); }
};
Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: {
  getUserMedia: async () => ({ getTracks: () => [{ stop() { stopped.push("track"); } }] }) } } });
const say = (message) => socket.onmessage({ data: JSON.stringify(message) });
const half = btoa(String.fromCharCode(0, 64));  // one sample: 16384
(async () => {
  const stop = await talk("wss://bridge.example.com/ws", "t.1.s");
  port.onmessage({ data: new Float32Array(128).fill(0.5) });  // not open yet
  socket.readyState = 1;
  const loud = new Float32Array(128).fill(-2), soft = new Float32Array(128).fill(0.5);
  for (const data of [loud, loud, loud, loud, soft]) port.onmessage({ data });
  say({ type: "ready", sessionId: "s" });
  say({ type: "audio", audio: half, sampleRate: 16000, sequence: 1 });
  say({ type: "audio", audio: half, sampleRate: 16000, sequence: 2 });
  say({ type: "interrupt" });
  now = 5;
  say({ type: "audio", audio: half, sampleRate: 16000, sequence: 3 });
  stop();
  console.log(JSON.stringify({ url: socket.url, sent, played, stopped }));
})();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_sends_numbered_audio_plays_evenly_and_stops_when_interrupted():
    from simkit.wire import browser

    [snippet] = re.findall(r"```javascript\n(.*?)```", DOORS.read_text(), re.DOTALL)
    done = subprocess.run(
        ["node", "-"], input=snippet + STAND_INS, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["url"] == "wss://bridge.example.com/ws?ticket=t.1.s"
    first, second = (browser.decode(text) for text in found["sent"])
    assert [(each.sequence, each.timestamp, each.sample_rate) for each in (first, second)] == [
        (1, 20, 16000),
        (2, 40, 16000),
    ]
    assert browser.pcm_of(first)[0] == (-32767).to_bytes(2, "little", signed=True) * 320
    assert browser.pcm_of(second)[0][-2:] == (16383).to_bytes(2, "little")
    assert found["played"] == [[0.2, 0.5], [0.2 + 1 / 16000, 0.5], [5.2, 0.5]]
    assert found["stopped"] == ["source", "source", "socket", "context", "track"]
