// Barge-ins: from the caller's first sound to silence, divided into who took how long.

const NEVER = 2000;

/** @param {Sheet} sheet @param {Call} call @param {Row} row @param {number} bottom @param {Row[]} rows */
function drawBrackets(sheet, call, row, bottom, rows) {
  const ear = rows.find((it) => it.id === "ear");
  const { brackets } = call.panel;
  for (const [i, bracket] of brackets.entries()) {
    const stop = (bracket.stop_ms ?? NEVER) * 1000;
    const slot = slotOf.get(bracket) ?? 0;
    const next = brackets.slice(i + 1).find((it) => slotOf.get(it) === slot);
    const x = sheet.x(bracket.onset);
    const toX = Math.max(sheet.x(bracket.onset + stop), x + 2);
    const limit = Math.min(next ? sheet.x(next.onset) - 8 : Infinity, sheet.right);
    if (toX < sheet.left || x > sheet.right) continue;
    const top = row.top + slot * BRACKET;
    drawBracket(sheet, call, top, bracket, x, toX, limit, ear ? ear.top + ear.height : bottom, bottom);
  }
}

/**
 * @param {Sheet} sheet @param {Call} call @param {number} top @param {Bracket} bracket
 * @param {number} x @param {number} toX @param {number} limit where the next one begins
 * @param {number} voices where the voices end @param {number} bottom
 */
function drawBracket(sheet, call, top, bracket, x, toX, limit, voices, bottom) {
  const { pen, colours } = sheet;
  const bar = top + BRACKET - 16;
  pen.fillStyle = colours.wash;
  pen.fillRect(x, bar, toX - x, voices - bar);
  const parts = bracket.parts_ms;
  const isDivided = bracket.stop_ms !== null && parts.every((part) => part !== null);
  const isOpen = bracket.stop_ms === null;
  /** @type {[string, number, number, number, string][]} name, from, to, milliseconds, as it is written */
  const pieces = [];
  if (isDivided) {
    let at = bracket.onset;
    for (const [i, part] of parts.entries()) {
      const until = at + /** @type {number} */ (part) * 1000;
      pieces.push([PARTS[i], sheet.x(at), sheet.x(until), /** @type {number} */ (part), bracket.told[i + 1]]);
      at = until;
    }
  }
  const isWide = toX - x > 60;
  // So small that parts cannot be told apart, or not all known: one piece.
  const isWhole = !isDivided || toX - x <= 6;
  if (isWhole) {
    pen.fillStyle = colours.bad;
    pen.globalAlpha = isOpen ? 0.5 : 0.75;
    pen.fillRect(x, bar, toX - x, 12);
    pen.globalAlpha = 1;
  }
  let outside = isWhole ? pieces.length : 0;
  for (const [name, from, to, ms, told] of isWhole ? [] : pieces) {
    const [low, high] = ms < 0 ? [to, from] : [from, to];
    // A negative tail lies within what came before: silence was there first.
    const [y, height] = ms < 0 ? [bar + 9, 3] : [bar, 12];
    pen.fillStyle = colours[name];
    pen.fillRect(low, y, Math.max(high - low, ms ? 1 : 0), height);
    if (isWide) dashed(sheet, to, bar + 12, bottom, colours[name]);
    const [begin, end] = [Math.max(low, sheet.left), Math.min(high, sheet.right)];
    const isLong = sheet.wide(`${name} ${told}`, true) + 8 < end - begin;
    const isShort = sheet.wide(told, true) + 6 < end - begin;
    if (ms >= 0 && (isLong || isShort)) {
      pen.fillStyle = colours.paper;
      sheet.font(true);
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(isLong ? `${name} ${told}` : told, (begin + end) / 2, bar + 6.5);
    }
    if (!isLong) outside++;
  }
  if (isWide) dashed(sheet, x, bar, bottom, colours.ink);
  sheet.place(x, top, toX, top + BRACKET, { call: call.number, bracket });
  // Above the bar: the sum, and the parts where the bar has no room for them.
  const total = isOpen ? "never stops" : bracket.told[0];
  let at = Math.max(x, Math.min(sheet.left + 4, toX - 40));
  const y = top + 14;
  const room = at + sheet.wide(total, true);
  if (room > limit || !sheet.isFree(at, y - 10, room, y + 3)) return;
  pen.textAlign = "left";
  pen.textBaseline = "alphabetic";
  sheet.font(true);
  written(sheet, total, at, y, colours.bad);
  const began = at;
  at += sheet.wide(total, true);
  if (outside) {
    const long = pieces.map(([name, , , , told]) => `${name} ${told}`);
    const short = pieces.map(([, , , , told]) => told.replace(" ms", ""));
    const words = [long, short].find((all) => at + all.reduce((sum, it) => sum + sheet.wide(it) + 15, 8) < limit);
    if (words) at = writeParts(sheet, words, at + 8, y);
  }
  sheet.take(began, y - 10, at, y + 3);
}

/** What the sum is made of. @param {Sheet} sheet @param {string[]} words @param {number} x @param {number} y @returns {number} where it ends */
function writeParts(sheet, words, x, y) {
  const { colours } = sheet;
  sheet.font();
  for (const [i, word] of words.entries()) {
    written(sheet, i ? "+" : "=", x, y, colours.dim);
    written(sheet, word, x + 11, y, colours[PARTS[i]]);
    x += 15 + sheet.wide(word);
  }
  return x;
}

/** Write over whatever line goes through. @param {Sheet} sheet @param {string} text @param {number} x @param {number} y @param {string} colour */
function written({ pen, colours }, text, x, y, colour) {
  pen.lineJoin = "round";
  pen.lineWidth = 3;
  pen.strokeStyle = colours.paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

/** @param {Sheet} sheet @param {number} x @param {number} y @param {number} toY @param {string} colour */
function dashed({ pen }, x, y, toY, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.globalAlpha = 0.55;
  pen.setLineDash([2, 3]);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x, toY);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}
