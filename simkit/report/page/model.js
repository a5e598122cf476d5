"use strict";
// What the page is told (model.py), and what is read from it once, when it opens.

/**
 * @typedef {{id: string, name: string}} Lane
 * @typedef {{t: number[], source: number[], target: number[], kind: number[], sent: number[],
 *   arrived: number[], line: string[], fields: Object<string, any>[]}} Events
 * @typedef {{row: string, start: number, end: number, reply: number, unheard: boolean,
 *   text: string, title: string}} Span
 * @typedef {{name: string, lane: string, unit: string, t: number[], value: number[]}} Curve
 * @typedef {{onset: number, text: string, stop_ms: number|null, parts_ms: (number|null)[],
 *   told: string[],
 *   told_by: string|null, reply: number|null, unheard_ms: number|null,
 *   yielded: boolean|null}} Bracket
 * @typedef {{start: number, bucket: number, peaks: string}} Outline
 * @typedef {{start: number, mime: string, data: string}} Sound
 * @typedef {{title: string, duration: number, lanes: Lane[], kinds: string[], events: Events,
 *   spans: Span[], curves: Curve[], brackets: Bracket[], waves: Object<string, Outline>,
 *   sound: Sound|null}} Panel
 * @typedef {{row: string, start: number, end: number}} Stretch
 * @typedef {{at: number, sentence: string, call: number, events: number[],
 *   lines: string[], sounds: Stretch[]}} Proof
 * @typedef {{name: string, promise: string, passed: boolean, waived: string,
 *   not_judged: string, proofs: Proof[]}} Promised
 * @typedef {{number: number, above: number|null, below: number|null, sentence: string,
 *   cause: number|null}} Difference
 * @typedef {{format: number, title: string, passed: boolean|null, verdict: string[],
 *   measures: [string, string, string][], promises: Promised[], panels: Panel[],
 *   others: Panel[], differences: Difference[], failure: string[], remarks: string[]}} Page
 */

const FORMAT = 1;
const PARTS = ["detect", "react", "fly", "tail"];

/** Kinds whose names are written first where there is not room for all. */
const NAMED = new Set([
  "clear", "close", "disconnect", "end-call", "error", "fault", "hang", "hangs-up", "interrupt",
  "start", "stop", "stall", "unhandled-error", "user-interrupted", "warning",
]);
/** Kinds that are drawn as spans. */
const SPANNED = new Set(["hears", "noise", "replied", "replies", "speaks"]);
const BAD = new Set(["error", "fault", "stall", "unhandled-error", "warning"]);

/** @returns {Page} */
function readPage() {
  const page = JSON.parse(element("data").textContent ?? "");
  if (page.format !== FORMAT) throw new Error(`this page draws format ${FORMAT}, not ${page.format}`);
  return page;
}

/** Spans of one row, quick to find by time. */
class Track {
  /** @param {Span[]} spans */
  constructor(spans) {
    this.spans = [...spans].sort((a, b) => a.start - b.start);
    this.starts = this.spans.map((span) => span.start);
    let latest = -Infinity;
    /** Latest end up to each span. */
    this.ends = this.spans.map((span) => (latest = Math.max(latest, span.end)));
  }

  /** @param {number} from @param {number} to @returns {Span[]} what can be seen between them */
  between(from, to) {
    const first = lowerBound(this.ends, from);
    return this.spans.slice(first, lowerBound(this.starts, to)).filter((it) => it.end >= from);
  }
}

/** One call, with what is worked out once. */
class Call {
  /** @param {Panel} panel @param {number} number */
  constructor(panel, number) {
    this.panel = panel;
    this.number = number;
    const { t, sent, arrived, fields } = panel.events;
    /** How far either end of an event may lie from its instant. */
    this.reach = 0;
    /** Until when each lasts: a run of media ends long after it began. */
    this.until = new Float64Array(t.length);
    for (let i = 0; i < t.length; i++) {
      const last = fields[i]?.last_ns;
      this.until[i] = typeof last === "number" ? Math.max(t[i], last / 1000) : t[i];
      this.reach = Math.max(this.reach, Math.abs(t[i] - sent[i]), Math.abs(arrived[i] - t[i]));
    }
    /** Lanes between which messages went. */
    this.joined = new Set([...panel.events.source.filter((_, i) => panel.events.target[i] >= 0), ...panel.events.target]);
    /** Runs of media: they are drawn as rails. @type {number[]} */
    this.rails = [];
    for (let i = 0; i < t.length; i++) if (this.until[i] > t[i]) this.rails.push(i);
    /** @type {Map<string, Track>} */
    this.tracks = new Map();
    for (const row of ["mouth", "agent", "ear", "turn", "disturbance"]) {
      this.tracks.set(row, new Track(panel.spans.filter((span) => span.row === row)));
    }
    /** @type {Map<string, Wave>} */
    this.waves = new Map(
      Object.entries(panel.waves).map(([row, outline]) => [row, new Wave(outline)]),
    );
    const loudest = Math.max(8, ...[...this.waves.values()].map((wave) => wave.loudest));
    this.gain = Math.min(4, 127 / loudest);
    /** 1: shown; 0: hidden by the filter. */
    this.shown = new Uint8Array(t.length).fill(1);
    /** 1: found; null: nothing is looked for. @type {Uint8Array|null} */
    this.found = null;
  }

  /** @param {string} row @returns {Track} */
  track(row) {
    return /** @type {Track} */ (this.tracks.get(row));
  }

  /** @param {number} from @param {number} to @returns {[number, number]} indices of events */
  between(from, to) {
    const { t } = this.panel.events;
    return [lowerBound(t, from - this.reach), lowerBound(t, to + this.reach)];
  }

  /** @param {number} index @returns {string} */
  kind(index) {
    return this.panel.kinds[this.panel.events.kind[index]];
  }

  /** @param {number} index of a lane @returns {string} */
  lane(index) {
    return index < 0 ? "" : this.panel.lanes[index].name;
  }
}
