// Two calls: what differs is joined by numbered lines in the seam between them.

const SEAM = 58;
const EMPTY_SEAM = 16;

/** @param {Sheet} sheet @param {Call} call @param {number} top */
function drawTitle({ pen, colours, right, ...sheet }, call, top) {
  pen.fillStyle = colours.raised;
  pen.fillRect(0, top, right, 24);
  pen.font = `600 12px ${FONT}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillStyle = colours.ink;
  pen.fillText(call.panel.title.slice(0, 200), sheet.left < GUTTER ? 6 : 14, top + 12.5);
}

/** @param {Sheet} sheet @param {Scene} scene @param {{top: number, bottom: number}[]} panels */
function drawDifferences(sheet, scene, panels) {
  if (panels.length < 2) return;
  const [above, below] = panels;
  const middle = (above.bottom + below.top) / 2;
  sheet.pen.fillStyle = sheet.colours.sunk;
  sheet.pen.fillRect(sheet.left, above.bottom, sheet.right - sheet.left, below.top - above.bottom);
  /** @type {{x: number, numbers: number[], first: Difference}[]} */
  const badges = [];
  const chosen = scene.chosen?.difference;
  // The first cause is drawn last, above all others.
  for (const it of [...scene.page.differences].reverse()) {
    const x = sheet.x(it.above ?? it.below ?? 0);
    const toX = sheet.x(it.below ?? it.above ?? 0);
    if (Math.max(x, toX) < sheet.left || Math.min(x, toX) > sheet.right) continue;
    drawJoin(sheet, it, above, below, x, toX, middle, it === chosen);
    badges.unshift({ x: (x + toX) / 2, numbers: [it.number], first: it });
  }
  badges.sort((a, b) => a.x - b.x);
  /** Badges that would lie upon each other become one. @type {typeof badges} */
  const folded = [];
  for (const badge of badges) {
    const last = folded[folded.length - 1];
    if (last && badge.x - last.x < 26) {
      last.numbers.push(...badge.numbers);
      if (badge.first.number < last.first.number) last.first = badge.first;
    } else folded.push(badge);
  }
  folded.forEach((badge, i) => {
    const room = (folded[i + 1]?.x ?? Infinity) - badge.x;
    drawBadge(sheet, badge, middle, room, badge.first === chosen);
  });
}

/**
 * @param {Sheet} sheet @param {Difference} it @param {{top: number, bottom: number}} above
 * @param {{top: number, bottom: number}} below @param {number} x @param {number} toX
 * @param {number} middle @param {boolean} isChosen
 */
function drawJoin({ pen, colours }, it, above, below, x, toX, middle, isChosen) {
  pen.strokeStyle = colourOfDifference(colours, it);
  pen.lineWidth = isChosen ? 2 : 1.2;
  pen.globalAlpha = isChosen || it.cause === null ? 0.9 : 0.5;
  pen.beginPath();
  if (it.above !== null) {
    pen.moveTo(x, above.top + 24);
    pen.lineTo(x, above.bottom);
    pen.bezierCurveTo(x, middle, (x + toX) / 2, middle - 8, (x + toX) / 2, middle);
  }
  if (it.below !== null) {
    pen.moveTo((x + toX) / 2, middle);
    pen.bezierCurveTo((x + toX) / 2, middle + 8, toX, middle, toX, below.top + 24);
    pen.lineTo(toX, below.bottom);
  }
  // What only one of them has ends in the seam.
  if (it.above === null || it.below === null) pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** @param {Object<string, string>} colours @param {Difference} it */
function colourOfDifference(colours, it) {
  if (it.number === 1) return colours.bad;
  return it.cause === null ? colours.accent : colours.unknown;
}

/**
 * @param {Sheet} sheet @param {{x: number, numbers: number[], first: Difference}} badge
 * @param {number} y @param {number} room to the next one @param {boolean} isChosen
 */
function drawBadge(sheet, { x, numbers, first }, y, room, isChosen) {
  const { pen, colours } = sheet;
  const isFirst = first.number === 1;
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const several = low === high ? `${low}` : `${low}–${high}`;
  const text = isFirst && sheet.right - sheet.left > 500 && room > 70 ? `${several}  first cause` : several;
  const wide = Math.max(20, sheet.wide(text, true) + 12);
  const start = clamp(x - wide / 2, sheet.left + 2, sheet.right - wide - 2);
  pen.beginPath();
  pen.roundRect(start, y - 10, wide, 20, 10);
  pen.fillStyle = colourOfDifference(colours, first);
  pen.fill();
  if (isChosen) {
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 2;
    pen.stroke();
  }
  sheet.font(true);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillStyle = colours.paper;
  pen.fillText(text, start + wide / 2, y + 0.5);
  sheet.place(start, y - 10, start + wide, y + 10, { call: 0, difference: first });
}
