// Messages: ticks and arrows between lanes, rails for media, curves for what is queued.

/** @param {Sheet} sheet @param {Call} call @param {Row[]} rows @param {Thing|null} chosen */
function drawMessages(sheet, call, rows, chosen) {
  const { pen, colours } = sheet;
  const lineOf = new Map(rows.filter((row) => row.lane >= 0).map((row) => [row.lane, row]));
  for (const row of rows) {
    if (!row.id.startsWith("lane ")) continue;
    for (const [i, curve] of row.curves.entries()) drawCurve(sheet, row, curve, i);
    pen.fillStyle = colours.faint;
    pen.fillRect(sheet.left, row.line - 0.5, sheet.right - sheet.left, 1);
  }
  for (const i of call.rails) drawRail(sheet, call, lineOf, i);
  const [first, last] = call.between(sheet.from, sheet.to);
  const { t, source, target, kind, sent, arrived } = call.panel.events;
  const ranks = call.panel.kinds.map((name) => (BAD.has(name) ? 2 : NAMED.has(name) ? 1 : 0));
  const lanes = call.panel.lanes.length + 1;
  const one = chosen?.event === undefined ? [] : [chosen.event];
  const marked = new Set(chosen?.call === call.number ? (chosen.evidence ?? one) : []);
  // The plain ones first; what matters is drawn over them. Where they are dense, lines are enough.
  for (const pass of [0, 1, 2]) {
    const columns = new Float64Array(lanes * lanes).fill(-1e9);
    const dense = new Path2D();
    for (let i = first; i < last; i++) {
      if (ranks[kind[i]] !== pass || !call.shown[i] || call.until[i] > t[i] || marked.has(i)) continue;
      const leg = (source[i] + 1) * lanes + target[i] + 1;
      const x = sheet.x(t[i]);
      const isFound = call.found !== null && call.found[i] === 1;
      const away = x - columns[leg];
      if (away < 1.5 && !isFound) continue;
      columns[leg] = x;
      const [from, to] = [lineOf.get(source[i]), lineOf.get(target[i])];
      if (away < 7 && !isFound && from && to && from !== to) {
        const ends = [sheet.x(sent[i]), from.line, sheet.x(arrived[i]), to.line];
        dense.moveTo(ends[0], ends[1]);
        dense.lineTo(ends[2], ends[3]);
        sheet.place(ends[0], ends[1], ends[2], ends[3], { call: call.number, event: i }, true);
        sheet.cross(gapOf(call, i), (ends[0] + ends[2]) / 2);
      } else drawEvent(sheet, call, lineOf, i, pass, last - first);
    }
    pen.strokeStyle = [colours.faint, colours.ink, colours.bad][pass];
    pen.lineWidth = 1;
    pen.globalAlpha = call.found ? 0.15 : 0.55;
    pen.stroke(dense);
    pen.globalAlpha = 1;
  }
  for (const i of marked) {
    if (call.until[i] > t[i]) drawRail(sheet, call, lineOf, i, true);
    else drawEvent(sheet, call, lineOf, i, 3, last - first);
  }
}

/**
 * @param {Sheet} sheet @param {Call} call @param {Map<number, Row>} lineOf @param {number} i
 * @param {number} pass 0: plain, 1: named, 2: bad, 3: chosen @param {number} seen how many there are
 */
function drawEvent(sheet, call, lineOf, i, pass, seen) {
  const { pen, colours } = sheet;
  const { t, sent, arrived, source, target } = call.panel.events;
  const from = lineOf.get(source[i]);
  const to = lineOf.get(target[i]);
  if (!from) return;
  const isFaded = call.found !== null && call.found[i] === 0 && pass < 3;
  const isFound = call.found !== null && call.found[i] === 1;
  const colour = [colours.faint, colours.ink, colours.bad, colours.accent][pass];
  pen.globalAlpha = isFaded ? 0.2 : 1;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = pass === 3 ? 2.2 : pass ? 1.5 : 1;
  const thing = { call: call.number, event: i };
  let [x, y] = [sheet.x(t[i]), from.line];
  if (to && to !== from) {
    const [x0, x1] = [sheet.x(sent[i]), sheet.x(arrived[i])];
    const [y0, y1] = [from.line, to.line];
    if (isFound) glow(sheet, x0, y0, x1, y1);
    arrow(pen, x0, y0, x1, y1);
    sheet.place(x0, y0, x1, y1, thing, true);
    x = (x0 + x1) / 2;
    y = (y0 + y1) / 2;
    const flight = x1 - x0 > 46 ? ` · ${stretch(arrived[i] - sent[i])}` : "";
    const text = (seen <= 70 ? what(call, i).slice(0, 48) : call.kind(i)) + flight;
    const gap = gapOf(call, i);
    sheet.cross(gap, x);
    const tries = /** @type {[number, number][]} */ ([
      [6, 4], [6, -9], [6, 17], [-6, 4], [-6, -9], [-6, 17],
    ]);
    const rank = pass === 3 ? -1 : isFound ? 0 : 3 - pass;
    const short = call.kind(i);
    if (!isFaded) sheet.ask({ x, y, text, short, gap, colour: pass ? colour : colours.dim, rank, tries });
  } else {
    const isVoice = !from.id.startsWith("lane ");
    if (isVoice && pass < 3 && SPANNED.has(call.kind(i))) return;
    const [up, down] = isVoice ? [9, 0] : pass > 1 ? [7, 7] : [4, 4];
    if (isFound) glow(sheet, x, y - up, x, y + down);
    pen.beginPath();
    pen.moveTo(x, y - up);
    pen.lineTo(x, y + down);
    pen.stroke();
    if (pass === 2) {
      pen.beginPath();
      pen.arc(x, y, 3.5, 0, 7);
      pen.fill();
    }
    sheet.place(x - 2, y - up, x + 2, y + down, thing);
    // What is spoken has its words in the picture anyhow.
    if (!isFaded && !(isVoice && SPANNED.has(call.kind(i)))) {
      const tries = /** @type {[number, number][]} */ ([[5, -5], [-5, -5], ...(isVoice ? [] : [[5, 13]])]);
      const text = seen <= 70 ? what(call, i).slice(0, 48) : call.kind(i);
      sheet.ask({ x, y, text, colour: pass ? colour : colours.dim, rank: 4 - pass, tries, isOnGround: true });
    }
  }
  pen.globalAlpha = 1;
}

/** Between which lanes it goes, either way. @param {Call} call @param {number} i */
function gapOf(call, i) {
  const { source, target } = call.panel.events;
  return `${call.number} ${Math.min(source[i], target[i])} ${Math.max(source[i], target[i])}`;
}

/** The line of the timeline without what the picture shows anyhow. @param {Call} call @param {number} i */
function what(call, i) {
  const line = call.panel.events.line[i];
  return line.replace(/^.*?\d\.\d{3}\+?\s+\S+(\s+>\s+\S+)?\s+/, "") || call.kind(i);
}

/** @param {CanvasRenderingContext2D} pen @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function arrow(pen, x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x1 - 7 * Math.cos(angle - 0.42), y1 - 7 * Math.sin(angle - 0.42));
  pen.lineTo(x1 - 7 * Math.cos(angle + 0.42), y1 - 7 * Math.sin(angle + 0.42));
  pen.closePath();
  pen.fill();
}

/** @param {Sheet} sheet @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function glow({ pen, colours }, x0, y0, x1, y1) {
  pen.save();
  pen.strokeStyle = colours.found;
  pen.lineWidth = 7;
  pen.lineCap = "round";
  pen.globalAlpha = 0.8;
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.restore();
}

/**
 * A run of media, from its first frame to its last, along the lane that it comes from.
 * @param {Sheet} sheet @param {Call} call @param {Map<number, Row>} lineOf @param {number} i
 */
function drawRail(sheet, call, lineOf, i, isChosen = false) {
  const { pen, colours } = sheet;
  const { t, source, target } = call.panel.events;
  const from = lineOf.get(source[i]);
  const to = lineOf.get(target[i]);
  if (!from || !to || !call.shown[i] || t[i] > sheet.to || call.until[i] < sheet.from) return;
  const isDown = to.line > from.line;
  const [upper, lower] = isDown ? [from.line, to.line] : [to.line, from.line];
  const y = Math.round(isDown ? upper + 2 : lower - 7);
  const x = Math.max(sheet.x(t[i]), sheet.left - 9);
  const toX = Math.min(Math.max(sheet.x(call.until[i]), x + 2), sheet.right + 9);
  const isFaded = call.found !== null && call.found[i] === 0 && !isChosen;
  pen.globalAlpha = isFaded ? 0.25 : 1;
  if (call.found?.[i] === 1) glow(sheet, x, y + 2.5, toX, y + 2.5);
  pen.fillStyle = isChosen ? colours.accent : colours.line;
  pen.beginPath();
  pen.roundRect(x, y, toX - x, 5, 2.5);
  pen.fill();
  pen.globalAlpha = 1;
  sheet.place(x, y - 2, toX, y + 7, { call: call.number, event: i });
  const start = Math.max(x, sheet.left);
  const text = `${isDown ? "↓" : "↑"} ${what(call, i)}`;
  if (Math.min(toX, sheet.right) - start > sheet.wide(text) + 8) {
    sheet.ask({ x: start + 2, y: isDown ? y + 16 : y - 4, text, gap: gapOf(call, i), colour: colours.dim, rank: 5 });
  }
}

/** @param {Sheet} sheet @param {Row} row @param {Curve} curve @param {number} number of the row's */
function drawCurve(sheet, row, curve, number) {
  const { pen, colours } = sheet;
  const bottom = row.line - 8 - CURVE * (row.curves.length - number - 1);
  const height = CURVE - 20;
  const most = curve.value.reduce((a, b) => Math.max(a, b), 0) || 1;
  const first = Math.max(0, lowerBound(curve.t, sheet.from) - 1);
  const last = Math.min(curve.t.length, lowerBound(curve.t, sheet.to) + 1);
  const yOf = (/** @type {number} */ value) => bottom - (value / most) * height;
  pen.beginPath();
  const begun = sheet.x(curve.t[first] ?? 0);
  let x = begun;
  pen.moveTo(x, bottom);
  for (let i = first; i < last; ) {
    x = sheet.x(curve.t[i]);
    let low = curve.value[i];
    let high = low;
    pen.lineTo(x, yOf(low));
    // Of many within a pixel the highest and the lowest are seen.
    for (i++; i < last && sheet.x(curve.t[i]) - x < 0.5; i++) {
      low = Math.min(low, curve.value[i]);
      high = Math.max(high, curve.value[i]);
    }
    for (const value of [high, low, curve.value[i - 1]]) pen.lineTo(x, yOf(value));
  }
  pen.lineTo(x, bottom);
  pen.lineTo(begun, bottom);
  pen.closePath();
  pen.fillStyle = colours.fly;
  pen.globalAlpha = 0.16;
  pen.fill();
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.fly;
  pen.lineWidth = 1.2;
  pen.stroke();
  const text = `${curve.name}, at most ${Math.round(most)} ${curve.unit}`;
  sheet.ask({ x: sheet.left + 20, y: bottom - height - 4, text, colour: colours.dim, rank: 6 });
}
