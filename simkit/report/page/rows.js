// Where everything is drawn: rows from top to bottom.

/**
 * @typedef {{id: string, name: string, short: string, top: number, height: number, line: number,
 *   lane: number, curves: Curve[], slots: number}} Row
 */

const GUTTER = 112;
const NARROW_GUTTER = 58;
const RULER = 26;
const VOICE = 58;
const SLOT = 19;
const CURVE = 46;
const BRACKET = 42;

/**
 * Lay out a call.
 * @param {Call} call @param {number} top @param {boolean} isTitled @param {boolean} isBroken
 * @returns {{rows: Row[], bottom: number}}
 */
function layOut(call, top, isTitled, isBroken) {
  const { panel } = call;
  /** @type {Row[]} */
  const rows = [];
  let y = top;
  /** @param {string} id @param {string} name @param {string} short @param {number} height @returns {Row} */
  const add = (id, name, short, height, slots = 1) => {
    const row = { id, name, short, top: y, height, line: y + height, lane: -1, curves: [], slots };
    rows.push(row);
    y += height;
    return row;
  };
  const laneOf = (/** @type {string} */ id) => panel.lanes.findIndex((lane) => lane.id === id);
  if (isTitled) add("title", "", "", 26);
  if (isBroken) add("broken", "Broken promise", "broken", FLAG);
  if (panel.brackets.length) {
    const slots = stacked(panel.brackets);
    add("brackets", "Barge-in", "barge-in", slots * BRACKET, slots);
  }
  y += 4;
  const hears = panel.waves.mouth || panel.waves.ear || call.track("mouth").spans.length;
  if (hears || laneOf("caller") >= 0) {
    add("mouth", "Caller’s mouth", "mouth", VOICE).lane = laneOf("caller");
    y += 4;
  }
  const sent = call.track("agent");
  if (sent.spans.length || laneOf("agent") >= 0) {
    const slots = packed(sent.spans);
    add("agent", "Agent, as sent", "agent", slots * 24 + 2, slots).lane = laneOf("agent");
    y += 4;
  }
  if (hears || call.track("ear").spans.length) {
    add("ear", "Caller’s ear", "ear", VOICE);
    y += 4;
  }
  const lines = panel.lanes.filter((lane) => lane.id !== "caller" && lane.id !== "agent");
  const gap = clamp(620 / Math.max(lines.length, 1), 40, 66);
  for (const [i, lane] of lines.entries()) {
    const curves = panel.curves.filter((curve) => curve.lane === lane.id);
    const isAlone = !call.joined.has(panel.lanes.indexOf(lane));
    const room = Math.max(isAlone ? 30 : i ? gap : 22, curves.length * CURVE + (i ? 44 : 6));
    const row = add(`lane ${lane.id}`, lane.name, lane.name, room);
    row.lane = panel.lanes.indexOf(lane);
    row.curves = curves;
  }
  if (lines.length) y += 12;
  for (const [id, name] of [["turn", "Turns"], ["disturbance", "Disturbances"]]) {
    const { spans } = call.track(id);
    if (spans.length) {
      const slots = packed(spans);
      add(id, name, id === "turn" ? "turns" : "disturb.", slots * SLOT + 4, slots);
      y += 2;
    }
  }
  return { rows, bottom: y + 6 };
}

/** @type {WeakMap<Span|Bracket, number>} */
const slotOf = new WeakMap();

/** Give spans that overlap different slots; spans are in order. @param {Span[]} spans @returns {number} */
function packed(spans) {
  return intoSlots(spans.map((span) => [span, span.start, span.end]), 6);
}

/** The same for barge-ins. @param {Bracket[]} brackets @returns {number} */
function stacked(brackets) {
  return intoSlots(brackets.map((one) => [one, one.onset, one.onset + (one.stop_ms ?? NEVER) * 1000]), 3);
}

/** @param {[Span|Bracket, number, number][]} things with when they begin and end @param {number} most @returns {number} */
function intoSlots(things, most) {
  /** @type {number[]} */
  const ends = [];
  for (const [thing, start, end] of things) {
    let slot = ends.findIndex((before) => before <= start);
    if (slot < 0) slot = Math.min(ends.length, most - 1);
    ends[slot] = Math.max(ends[slot] ?? 0, end);
    slotOf.set(thing, slot);
  }
  return Math.max(1, ends.length);
}

/** Time between two lines of the grid. @param {number} least @returns {number} microseconds */
function gridStep(least) {
  for (let power = 1; power < 1e7; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power >= least) return step * power;
  }
  for (const step of [10, 15, 30, 60, 120, 300, 600, 1200]) {
    if (step * 1e6 >= least) return step * 1e6;
  }
  return 3.6e9;
}

/** @param {number} t @param {number} step */
function gridName(t, step) {
  if (step >= 6e7) return minutes(t, 0);
  return seconds(t, Math.max(0, Math.ceil(6 - Math.log10(step) - 1e-9)));
}

/** Draw the ruler and its lines. @param {Sheet} sheet @param {number} bottom @param {number} duration */
function drawGrid(sheet, bottom, duration) {
  const { pen, colours } = sheet;
  const step = gridStep(84 / sheet.scale);
  pen.fillStyle = colours.sunk;
  for (const [from, to] of [[sheet.from, 0], [duration, sheet.to]]) {
    if (to > from) pen.fillRect(sheet.x(from), 0, (to - from) * sheet.scale, bottom);
  }
  sheet.font();
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (let t = Math.max(0, Math.ceil(sheet.from / step) * step); t <= Math.min(sheet.to, duration); t += step) {
    const x = Math.round(sheet.x(t)) + 0.5;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, 6);
    pen.lineTo(x, bottom);
    pen.stroke();
    pen.fillStyle = colours.dim;
    const name = gridName(t, step);
    if (x + sheet.wide(name) + 6 > sheet.right) continue;
    pen.fillText(name, x + 4, RULER / 2);
    sheet.names.push([x + 4, x + 4 + sheet.wide(name)]);
  }
}

/** Draw the rows' names, over whatever came from the right. @param {Sheet} sheet @param {Row[]} rows */
function drawNames(sheet, rows) {
  const { pen, colours } = sheet;
  const isNarrow = sheet.left < GUTTER;
  pen.textBaseline = "middle";
  for (const row of rows) {
    if (row.id === "title") continue;
    const isLane = row.id.startsWith("lane ");
    const y = isLane ? row.line : row.top + row.height / 2;
    pen.textAlign = "left";
    pen.fillStyle = row.id === "broken" ? colours.bad : colours.ink;
    sheet.font(isLane);
    const x = isNarrow ? 6 : 14;
    pen.fillText(sheet.cut(isNarrow ? row.short : row.name, sheet.left - x - 4, isLane), x, y);
  }
}
