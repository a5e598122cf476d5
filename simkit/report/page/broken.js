// Broken promises: where they stand in the picture, and what the page opens at.

const FLAG = 24;

/**
 * A broken promise at one instant of a call.
 * @typedef {{name: string, proof: Proof}} Broken
 */

/** What was broken in a call that is drawn, by instant. @param {Scene} scene @param {number} number @returns {Broken[]} */
function brokenIn(scene, number) {
  const isPair = scene.calls.length > 1;
  return scene.page.promises
    .filter((promise) => !promise.passed)
    .flatMap(({ name, proofs }) => proofs.map((proof) => ({ name, proof })))
    .filter(({ proof }) => (isPair ? Math.min(proof.call, 1) === number : proof.call === scene.number))
    .sort((a, b) => a.proof.at - b.proof.at);
}

/** A flag for each, and a line down from it. @param {Sheet} sheet @param {Scene} scene @param {number} number @param {Row} row @param {number} bottom */
function drawBroken(sheet, scene, number, row, bottom) {
  const { pen, colours } = sheet;
  const y = row.top + 3;
  /** @type {{x: number, all: Broken[]}[]} */
  const flags = [];
  for (const one of brokenIn(scene, number)) {
    const x = sheet.x(one.proof.at);
    const last = flags[flags.length - 1];
    if (last && x - last.x < 26) last.all.push(one);
    else if (x >= sheet.left && x <= sheet.right) flags.push({ x, all: [one] });
  }
  for (const [i, { x, all }] of flags.entries()) {
    dashed(sheet, x, y, bottom, colours.bad);
    const room = Math.min(flags[i + 1]?.x ?? Infinity, sheet.right + 200) - x - 14;
    const names = [...new Set(all.map(({ name }) => name))].join(", ");
    const text = [names, all.length > 1 ? `${all.length} ✕` : "✕"].find((it) => sheet.wide(it, true) < room) ?? "";
    const wide = sheet.wide(text, true) + 12;
    const start = clamp(x, sheet.left, Math.max(sheet.left, sheet.right - wide));
    pen.fillStyle = colours.bad;
    pen.beginPath();
    pen.roundRect(start, y, wide, 18, [x === start ? 0 : 4, 4, 4, 4]);
    pen.fill();
    sheet.font(true);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillStyle = colours.paper;
    pen.fillText(text, start + 6, y + 9.5);
    sheet.place(start, y, start + wide, y + 18, { call: number, broken: all[0] });
  }
}

/**
 * What was said or heard that broke it: hatched and framed, whosever it is.
 * @param {Sheet} sheet @param {Scene} scene @param {number} number @param {Row[]} rows
 */
function drawBrokenSounds(sheet, scene, number, rows) {
  const { pen, colours } = sheet;
  for (const one of brokenIn(scene, number)) {
    for (const { row: id, start, end } of one.proof.sounds) {
      const row = rows.find((it) => it.id === id);
      const [x, toX] = [Math.max(sheet.x(start), sheet.left - 6), Math.min(sheet.x(end), sheet.right + 6)];
      if (!row || toX <= x) continue;
      const box = /** @type {const} */ ([x, row.top, Math.max(toX - x, 2), row.height]);
      pen.fillStyle = hatching(pen, colours.bad);
      pen.globalAlpha = 0.45;
      pen.fillRect(x, row.top + EDGE, box[2], row.height - EDGE); // the words above can be read
      pen.globalAlpha = 1;
      pen.strokeStyle = colours.bad;
      pen.lineWidth = 2;
      pen.strokeRect(...box);
      sheet.place(x, row.top, toX, row.top + row.height, { call: number, broken: one });
    }
  }
}

/** Go to where a promise was broken, with all of the interruption that it was about. @param {Scene} scene @param {number} call @param {Broken} broken */
function showBroken(scene, call, broken) {
  const { at, events } = broken.proof;
  const about = scene.calls[call].panel.brackets.findLast(({ onset, stop_ms }) => {
    return onset <= at + 1000 && at <= onset + (stop_ms ?? NEVER) * 1000 + 3e6;
  });
  const [, stop] = about ? scene.instant({ call, bracket: about }) : [0, at];
  const [from, to] = [Math.min(about?.onset ?? at, at), Math.max(stop, at)];
  const span = Math.max((to - from) * 2.2, 3e6);
  scene.view.glide((from + to - span) / 2, (from + to + span) / 2);
  scene.choose({ call, broken, evidence: events });
}

/** What a page opens at: what differs first, or was broken first, or all of the call. @param {Scene} scene */
function openAt(scene) {
  const [cause] = scene.page.differences;
  const promise = scene.page.promises.find(({ passed }) => !passed);
  const proof = promise?.proofs[0];
  const isPair = scene.calls.length > 1;
  if (cause) {
    const [from, to] = scene.instant({ call: 0, difference: cause });
    scene.view.visit(from, to);
    scene.goTo(from);
  } else if (promise && proof) {
    if (!isPair) show(scene, proof.call);
    showBroken(scene, isPair ? Math.min(proof.call, 1) : 0, { name: promise.name, proof });
  } else scene.view.fit();
  scene.choose(null);
  scene.view.land();
}
