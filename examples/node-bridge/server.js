// A voice bridge between Twilio and Vapi.
//
// Twilio asks /voice/inbound what to do with a call and is told to open a media stream to /media.
// For each stream, one call is created at Vapi, and audio goes both ways until either side ends.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");
const { WebSocket, WebSocketServer } = require("ws");

const env = process.env;
const PUBLIC_URL = needed("PUBLIC_URL").replace(/\/$/, ""); // as Twilio knows us, https://...
const AUTH_TOKEN = needed("TWILIO_AUTH_TOKEN");
const VAPI_KEY = needed("VAPI_API_KEY");
const VAPI_URL = (env.VAPI_URL || "https://api.vapi.ai").replace(/\/$/, "");
const PORT = Number(env.PORT || 3000);

const MEDIA_URL = PUBLIC_URL.replace(/^http/, "ws") + "/media";
const MAX_FORM = 64 * 1024;
const QUEUE_LIMIT = 8000 * 10; // bytes of mu-law: ten seconds of a caller whom Vapi keeps waiting

function needed(name) {
  if (!env[name]) {
    console.error(`${name} is not set`);
    process.exit(1);
  }
  return env[name];
}

// Twilio signs each request: HMAC-SHA1 over the URL as it knows it, and all form fields by name.

function isSigned(request, url, form) {
  let text = url;
  for (const name of [...new Set(form.keys())].sort()) {
    for (const value of [...new Set(form.getAll(name))].sort()) text += name + value;
  }
  const expected = crypto.createHmac("sha1", AUTH_TOKEN).update(text).digest();
  const found = Buffer.from(request.headers["x-twilio-signature"] || "", "base64");
  return found.length === expected.length && crypto.timingSafeEqual(found, expected);
}

// What binds a stream to the call whose webhook was signed: by call, and empty once it was taken.
const tokens = new Map();

function newToken(callSid) {
  const token = crypto.randomBytes(24).toString("hex");
  tokens.set(callSid, token);
  if (tokens.size > 1000) tokens.delete(tokens.keys().next().value);
  return token;
}

function takes(callSid, token) {
  const isRight = Boolean(token) && tokens.get(callSid) === token;
  if (isRight) tokens.set(callSid, "");
  return isRight;
}

// The voice webhook: answered at once. Vapi is told of the call when the stream is there.

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (request.method === "GET" && url.pathname === "/health") {
    return response.end(JSON.stringify({ status: "ok", activeSessions: sockets.clients.size }));
  }
  if (request.method !== "POST" || url.pathname !== "/voice/inbound") {
    response.statusCode = 404;
    return response.end();
  }
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => {
    body += chunk;
    if (body.length > MAX_FORM) request.destroy();
  });
  request.on("end", () => {
    const form = new URLSearchParams(body);
    const callSid = form.get("CallSid");
    const isRepeated = tokens.has(callSid); // a request that somebody saw, once more
    if (isRepeated || !isSigned(request, PUBLIC_URL + request.url, form)) response.statusCode = 403;
    else if (!/^CA[0-9a-f]{32}$/.test(callSid || "")) response.statusCode = 400;
    if (response.statusCode !== 200) return response.end();
    response.setHeader("Content-Type", "text/xml");
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="${MEDIA_URL}">` +
        `<Parameter name="token" value="${newToken(callSid)}"/></Stream></Connect></Response>`,
    );
  });
});

const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 });

server.on("upgrade", (request, socket, head) => {
  if (request.url !== "/media" || !isSigned(request, MEDIA_URL, new URLSearchParams())) {
    return socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
  }
  sockets.handleUpgrade(request, socket, head, (ws) => new Call(ws));
});

// One phone call. Both legs carry mu-law at 8 kHz, so that no sample is converted.
class Call {
  constructor(twilio) {
    this.twilio = twilio;
    this.vapi = null;
    this.streamSid = "";
    this.isOver = false;
    this.waiting = []; // what the caller said while Vapi was not there yet
    this.waitingBytes = 0;
    this.vapiSpeaks = false;
    this.dropsAgent = false; // after an interruption, until the next reply
    this.marks = 0; // sent and not come back: the caller has not heard everything
    twilio.on("message", (data, isBinary) => this.guard(() => this.onTwilio(data, isBinary)));
    twilio.on("close", () => this.end());
    twilio.on("error", () => this.end());
  }

  // One bad message must not end the process, and with it everybody's call.
  guard(handle) {
    try {
      handle();
    } catch (error) {
      console.error(`call ${this.streamSid}: ignored: ${error.message}`);
    }
  }

  onTwilio(data, isBinary) {
    if (isBinary) throw new Error("a binary frame from Twilio");
    const message = JSON.parse(data);
    if (message.event === "start") this.onStart(message.start);
    else if (message.event === "media") this.toVapi(Buffer.from(message.media.payload, "base64"));
    else if (message.event === "mark") this.onMark();
    else if (message.event === "stop") this.end();
  }

  onStart(start) {
    if (!takes(start.callSid, start.customParameters.token)) return this.end();
    this.streamSid = start.streamSid;
    this.openVapi().catch((error) => {
      console.error(`call ${this.streamSid}: Vapi: ${error.message}`);
      this.end();
    });
  }

  async openVapi() {
    const response = await fetch(`${VAPI_URL}/call`, {
      method: "POST",
      headers: { Authorization: `Bearer ${VAPI_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify({
        assistantId: env.VAPI_ASSISTANT_ID || undefined,
        transport: {
          provider: "vapi.websocket",
          audioFormat: { format: "mulaw", container: "raw", sampleRate: 8000 },
        },
      }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new Error(`POST /call was answered with ${response.status}`);
    const call = await response.json();
    if (this.isOver) return; // the caller has hung up meanwhile
    this.vapi = new WebSocket(call.transport.websocketCallUrl, { handshakeTimeout: 10_000 });
    this.vapi.on("open", () => this.onVapiOpen());
    this.vapi.on("message", (data, isBinary) => {
      this.guard(() => (isBinary ? this.onAgentAudio(data) : this.onVapi(JSON.parse(data))));
    });
    this.vapi.on("close", () => this.hangUpWhenHeard());
    this.vapi.on("error", (error) => console.error(`call ${this.streamSid}: ${error.message}`));
  }

  // Caller to Vapi: kept until Vapi is there, in order and within bounds.

  toVapi(sound) {
    if (this.vapi?.readyState === WebSocket.OPEN) return this.vapi.send(sound);
    this.waiting.push(sound);
    this.waitingBytes += sound.length;
    while (this.waitingBytes > QUEUE_LIMIT) this.waitingBytes -= this.waiting.shift().length;
  }

  onVapiOpen() {
    if (this.isOver) return this.vapi.close();
    if (this.waitingBytes) this.vapi.send(Buffer.concat(this.waiting));
    this.waiting = [];
    this.waitingBytes = 0;
  }

  // Vapi to caller.

  onAgentAudio(sound) {
    const isSilence = sound.every((byte) => (byte & 0x7f) === 0x7f); // mu-law knows +0 and -0
    if (this.dropsAgent && !isSilence) return;
    this.toTwilio({ event: "media", media: { payload: sound.toString("base64") } });
  }

  onVapi(message) {
    if (message.type === "user-interrupted") this.interrupt();
    else if (message.type === "speech-update" && message.role === "assistant") {
      this.vapiSpeaks = message.status === "started";
      if (this.vapiSpeaks) this.dropsAgent = false;
      else if (!this.dropsAgent) this.mark();
    } else if (message.type === "speech-update" && message.status === "started") {
      // Vapi believes it is done, but has sent ahead of time: the caller still hears it.
      if (!this.vapiSpeaks && this.marks > 0) this.interrupt();
    } else if (message.type === "status-update" && message.status === "ended") {
      this.hangUpWhenHeard();
    }
  }

  // Silence at once: at Twilio, and in what of this reply is still on its way.
  interrupt() {
    if (this.dropsAgent) return;
    this.dropsAgent = true;
    this.toTwilio({ event: "clear" });
  }

  // Comes back once the caller has heard everything before it, or it was cleared.
  mark() {
    this.marks += 1;
    this.toTwilio({ event: "mark", mark: { name: "heard" } });
  }

  onMark() {
    this.marks -= 1;
    if (this.hangsUp) this.hangUpWhenHeard();
  }

  toTwilio(message) {
    if (this.twilio.readyState !== WebSocket.OPEN) return;
    this.twilio.send(JSON.stringify({ ...message, streamSid: this.streamSid }));
  }

  // The end. Vapi's: the caller hears the last word first. The caller's: Vapi is told at once.

  hangUpWhenHeard() {
    if (!this.hangsUp) {
      this.hangsUp = true;
      if (!this.isOver) this.mark();
      setTimeout(() => this.end(), 10_000).unref();
    } else if (this.marks <= 0) this.end();
  }

  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.waiting = [];
    if (this.vapi?.readyState === WebSocket.OPEN) this.vapi.send('{"type":"end-call"}');
    this.vapi?.close();
    this.twilio.close(1000);
  }
}

process.on("SIGTERM", () => {
  server.close();
  for (const socket of sockets.clients) socket.close(1001);
  setTimeout(() => process.exit(0), 1000).unref();
});

server.listen(PORT, "127.0.0.1", () => console.log(`listening on port ${PORT}`));
