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
  drawSpans(sheet, call, row, spans, colourOf, Boolean(wave));
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
  const step = Math.max(1 / devicePixelRatio, wave.bucket * sheet.scale > 3 ? 1 : 0);
  const scale = (half / 127) * call.gain;
  /** @type {[number, number]} */
  const pair = [0, 0];
  const from = Math.max(sheet.left, sheet.x(0));
  const to = Math.min(sheet.right, sheet.x(call.panel.duration));
  let next = 0;
  /** @type {Span|null} */
  let current = null;
  for (let x = from; x < to; x += step) {
    const t = sheet.from + (x - sheet.left) / sheet.scale;
    while (next < spans.length && spans[next].start <= t) current = spans[next++];
    if (current && current.end <= t) current = null;
    wave.between(t, t + step / sheet.scale, pair);
    const up = Math.min(half, pair[1] * scale);
    const down = Math.min(half, -pair[0] * scale);
    if (up + down < 0.6 && !current) continue;
    pen.fillStyle = current ? colourOf(current) : colours.faint;
    pen.fillRect(x, middle - Math.max(up, 0.4), step, Math.max(up, 0.4) + Math.max(down, 0.4));
  }
}

/**
 * @param {Sheet} sheet @param {Call} call @param {Row} row @param {Span[]} spans
 * @param {(span: Span) => string} colourOf @param {boolean} isBacked a sound is drawn over it
 */
function drawSpans(sheet, call, row, spans, colourOf, isBacked) {
  const { pen, colours } = sheet;
  const height = row.slots > 1 || !isBacked ? row.height / row.slots - 3 : row.height;
  let lastX = -1;
  for (const span of spans) {
    const x = Math.max(sheet.x(span.start), sheet.left - 6);
    const toX = Math.min(Math.max(sheet.x(span.end), x + 1.5), sheet.right + 6);
    if (toX < lastX + 1 && row.slots === 1) continue; // folded into the one before
    lastX = toX;
    const y = row.top + (row.slots > 1 ? (slotOf.get(span) ?? 0) * (row.height / row.slots) : 0);
    const colour = colourOf(span);
    pen.beginPath();
    pen.roundRect(x, y, toX - x, height, Math.min(4, (toX - x) / 2));
    if (span.unheard) {
      pen.fillStyle = hatching(pen, colour);
      pen.globalAlpha = 0.55;
      pen.fill();
      pen.globalAlpha = 1;
      pen.strokeStyle = colour;
      pen.lineWidth = 1;
      pen.setLineDash([3, 3]);
      pen.stroke();
      pen.setLineDash([]);
    } else {
      pen.globalAlpha = isBacked ? 0.13 : 0.9;
      pen.fillStyle = colour;
      pen.fill();
      pen.globalAlpha = 1;
    }
    sheet.place(x, y, toX, y + height, { call: call.number, span });
    const text = span.text || (span.unheard ? span.title : "");
    const start = Math.max(x, sheet.left) + 6;
    const room = Math.min(toX, sheet.right) - start - 4;
    if (!text || room < 22) continue;
    const shown = sheet.cut(text, room, span.unheard);
    const textY = isBacked ? y + EDGE - 4 : y + height / 2 + 4;
    if (span.unheard) {
      sheet.ask({ x: start, y: textY, text: shown, colour: colours.ink, rank: 3 });
      continue;
    }
    sheet.font();
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    pen.fillStyle = isBacked ? colours.ink : colours.paper;
    pen.fillText(shown, start, textY);
    sheet.take(start, textY - 9, start + sheet.wide(shown), textY + 2);
  }
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
