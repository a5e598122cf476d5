// Voices: what was said, sent and heard, with the outlines of the sounds; and all other spans.

const EDGE = 15;

/** @param {Sheet} sheet @param {Call} call @param {Row} row */
function drawVoice(sheet, call, row) {
  const { pen, colours } = sheet;
  const wave = call.waves.get(row.id);
  const spans = call.track(row.id).between(sheet.from, sheet.to);
  const colourOf = (/** @type {Span} */ span) =>
    row.id === "mouth" ? colours.mouth : replyColour(colours, span.reply);
  const middle = row.top + EDGE + (row.height - EDGE) / 2;
  pen.fillStyle = colours.line;
  pen.fillRect(sheet.left, Math.round(middle), sheet.right - sheet.left, 1);
  drawSpans(sheet, call, row, spans, colourOf, true);
  if (wave) {
    const heard = spans.filter((span) => !span.unheard);
    drawWave(sheet, call, wave, middle, (row.height - EDGE) / 2 - 1, heard, colourOf);
  }
}

/**
 * @param {Sheet} sheet @param {Call} call @param {Wave} wave @param {number} middle
 * @param {number} half @param {Span[]} spans in order @param {(span: Span) => string} colourOf
 */
function drawWave(sheet, call, wave, middle, half, spans, colourOf) {
  const { pen, colours } = sheet;
  const isNear = wave.bucket * sheet.scale > 2;
  const step = isNear ? wave.bucket * sheet.scale : 1 / devicePixelRatio;
  const scale = (half / 127) * call.gain;
  /** @type {[number, number]} */
  const pair = [0, 0];
  let x = Math.max(sheet.left - step, sheet.x(wave.start));
  // Near by, each step is one bucket.
  if (isNear) x = sheet.x(wave.start + Math.floor((sheet.t(x) - wave.start) / wave.bucket) * wave.bucket);
  const to = Math.min(sheet.right + step, sheet.x(call.panel.duration));
  let next = 0;
  let [lastUp, lastDown] = [0, 0];
  /** @type {Span|null} */
  let current = null;
  for (; x < to; x += step) {
    const t = sheet.t(x + step / 2);
    while (next < spans.length && spans[next].start <= t) current = spans[next++];
    if (current && current.end <= t) current = null;
    wave.between(t - step / sheet.scale / 2, t + step / sheet.scale / 2, pair);
    const up = Math.min(half, Math.max(pair[1] * scale, 0.4));
    const down = Math.min(half, Math.max(-pair[0] * scale, 0.4));
    if (up + down > 0.9 || current) {
      pen.fillStyle = current ? colourOf(current) : colours.faint;
      if (isNear) slope(pen, x - step / 2, x + step / 2, middle, [lastUp, up, lastDown, down]);
      else pen.fillRect(x, middle - up, step, up + down);
    }
    [lastUp, lastDown] = [up, down];
  }
}

/** @param {CanvasRenderingContext2D} pen @param {number} x @param {number} toX @param {number} middle @param {number[]} heights */
function slope(pen, x, toX, middle, [up, toUp, down, toDown]) {
  pen.beginPath();
  pen.moveTo(x, middle - up);
  pen.lineTo(toX + 0.7, middle - toUp);
  pen.lineTo(toX + 0.7, middle + toDown);
  pen.lineTo(x, middle + down);
  pen.fill();
}

/**
 * @param {Sheet} sheet @param {Call} call @param {Row} row @param {Span[]} spans
 * @param {(span: Span) => string} colourOf @param {boolean} isBacked a sound is drawn over it
 */
function drawSpans(sheet, call, row, spans, colourOf, isBacked) {
  const { pen } = sheet;
  const height = isBacked ? row.height : row.height / row.slots - 3;
  let lastX = -1;
  for (const [i, span] of spans.entries()) {
    const x = Math.max(sheet.x(span.start), sheet.left - 6);
    const toX = Math.min(Math.max(sheet.x(span.end), x + 1.5), sheet.right + 6);
    if (toX < lastX + 1 && row.slots === 1) continue; // folded into the one before
    const y = row.top + (row.slots > 1 ? (slotOf.get(span) ?? 0) * (row.height / row.slots) : 0);
    const thing = { call: call.number, span };
    if (span.unheard) {
      const next = spans.slice(i + 1).find((it) => !it.unheard);
      drawUnheard(sheet, span, [x, y, toX, y + height], next ? sheet.x(next.start) - 2 : Infinity, colourOf(span), thing);
      continue;
    }
    lastX = toX;
    pen.beginPath();
    pen.roundRect(x, y, toX - x, height, Math.min(4, (toX - x) / 2));
    const isPale = isBacked || row.id !== "agent";
    pen.globalAlpha = isBacked ? 0.13 : isPale ? 0.25 : 1;
    pen.fillStyle = colourOf(span);
    pen.fill();
    pen.globalAlpha = 1;
    sheet.place(x, y, toX, y + height, thing);
    drawText(sheet, span.text, x, toX, isBacked ? y + EDGE - 4 : y + height / 2 + 4, isPale ? "ink" : "paper");
  }
}

/** @param {Sheet} sheet @param {string} text @param {number} x @param {number} toX @param {number} y @param {string} colour */
function drawText(sheet, text, x, toX, y, colour) {
  const { pen, colours } = sheet;
  const start = Math.max(x, sheet.left) + 6;
  const room = Math.min(toX, sheet.right) - start - 4;
  if (!text || room < 22) return;
  const shown = sheet.cut(text, room);
  const wide = sheet.wide(shown);
  if (!shown) return;
  if (colour === "dim") {
    pen.fillStyle = colours.paper;
    pen.beginPath();
    pen.roundRect(start - 3, y - 11, wide + 6, 15, 3);
    pen.fill();
  }
  sheet.font();
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillStyle = colours[colour];
  pen.fillText(shown, start, y);
  sheet.take(start, y - 9, start + wide, y + 2);
}

/**
 * What was sent and flushed: hatched; where something else was heard meanwhile, only its foot.
 * @param {Sheet} sheet @param {Span} span @param {[number, number, number, number]} box
 * @param {number} limit @param {string} colour @param {Thing} thing
 */
function drawUnheard(sheet, span, [x, y, toX, bottom], limit, colour, thing) {
  const { pen } = sheet;
  const full = Math.min(toX, Math.max(limit, x));
  const foot = bottom - 9;
  pen.beginPath();
  pen.moveTo(x, y);
  for (const [a, b] of [[full, y], [full, foot], [toX, foot], [toX, bottom], [x, bottom]]) pen.lineTo(a, b);
  pen.closePath();
  pen.fillStyle = hatching(pen, colour);
  pen.globalAlpha = 0.5;
  pen.fill();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.setLineDash([3, 3]);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  sheet.place(x, y, full, bottom, thing);
  sheet.place(full, foot, toX, bottom, thing);
  drawText(sheet, `not heard: ${stretch(span.end - span.start)}`, x, full, y + EDGE + 1, "dim");
}

/** @type {Map<string, CanvasPattern>} */
const hatchings = new Map();

/** @param {CanvasRenderingContext2D} pen @param {string} colour @returns {CanvasPattern} */
function hatching(pen, colour) {
  let made = hatchings.get(colour);
  if (!made) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const stroke = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    stroke.strokeStyle = colour;
    stroke.lineWidth = 1.6;
    stroke.beginPath();
    for (const x of [-8, 0, 8]) {
      stroke.moveTo(x - 1, 9);
      stroke.lineTo(x + 9, -1);
    }
    stroke.stroke();
    made = /** @type {CanvasPattern} */ (pen.createPattern(tile, "repeat"));
    hatchings.set(colour, made);
  }
  return made;
}

/** Turns and disturbances. @param {Sheet} sheet @param {Call} call @param {Row} row */
function drawBars(sheet, call, row) {
  const { colours } = sheet;
  const colourOf = (/** @type {Span} */ span) => {
    if (row.id === "agent") return replyColour(colours, span.reply);
    if (row.id === "disturbance") return colours.bad;
    return span.reply < 0 ? colours.unknown : replyColour(colours, span.reply);
  };
  drawSpans(sheet, call, row, call.track(row.id).between(sheet.from, sheet.to), colourOf, false);
}
