// Keys, and what they do wherever nothing is being typed.

/**
 * @param {Scene} scene
 * @param {{play: () => void, table: () => void, copy: () => void}} does
 */
function watchKeys(scene, does) {
  const { view } = scene;
  const help = element("help");
  const ask = () => (help.open ? help.close() : help.showModal());
  element("ask").addEventListener("click", ask);
  element("in").addEventListener("click", () => view.zoom(0.5));
  element("out").addEventListener("click", () => view.zoom(2));
  element("fit").addEventListener("click", () => view.fit());
  element("next-barge-in").hidden = !scene.calls.some((call) => call.panel.brackets.length);
  element("next-barge-in").addEventListener("click", () => nextBracket(scene));
  const share = (/** @type {KeyboardEvent} */ event) => view.span * (event.shiftKey ? 0.9 : 0.15);
  /** @type {Object<string, (event: KeyboardEvent) => void>} */
  const keys = {
    ArrowLeft: (event) => view.move(-share(event)),
    ArrowRight: (event) => view.move(share(event)),
    "+": () => view.zoom(0.6),
    "=": () => view.zoom(0.6),
    "-": () => view.zoom(1 / 0.6),
    _: () => view.zoom(1 / 0.6),
    0: () => view.fit(),
    Home: () => view.glide(view.first, view.first + view.span),
    End: () => view.glide(view.last - view.span, view.last),
    " ": () => does.play(),
    n: () => nextEvent(scene, 1),
    p: () => nextEvent(scene, -1),
    b: () => nextBracket(scene),
    d: () => nextDifference(scene),
    t: () => does.table(),
    c: () => does.copy(),
    "/": () => element("search").focus(),
    "?": ask,
    Escape: () => scene.choose(null),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (help.open && event.key !== "?") return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.matches("input, select, textarea, [contenteditable]")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    // A button or a link does what it is for.
    if (event.key === " " && target.matches("button, summary, a")) return;
    const does = keys[event.key];
    if (!does) return;
    event.preventDefault();
    does(event);
  });
}

/** Events that are shown, and found if something is looked for. @param {Call} call @param {number} i */
function isOpen(call, i) {
  return Boolean(call.shown[i]) && (call.found === null || call.found[i] === 1);
}

/** @param {Scene} scene @param {number} way 1 or -1 */
function nextEvent(scene, way) {
  const call = scene.calls[scene.chosen?.call ?? 0];
  if (!call) return;
  const { t } = call.panel.events;
  let i = scene.chosen?.event;
  if (i === undefined) i = lowerBound(t, scene.cursor) - (way > 0 ? 1 : 0);
  do i += way;
  while (i >= 0 && i < t.length && !isOpen(call, i));
  if (i >= 0 && i < t.length) scene.visit({ call: call.number, event: i });
  else notify(way > 0 ? "no later event" : "no earlier event");
}

/** @param {Scene} scene */
function nextBracket(scene) {
  const all = scene.calls
    .flatMap((call) => call.panel.brackets.map((bracket) => ({ call: call.number, bracket })))
    .sort((a, b) => a.bracket.onset - b.bracket.onset);
  if (!all.length) {
    notify("nobody was interrupted");
    return;
  }
  const last = all.findIndex((it) => it.bracket === scene.chosen?.bracket);
  const later = all.findIndex((it) => it.bracket.onset > scene.cursor + 1);
  showBracket(scene, all[last >= 0 ? (last + 1) % all.length : Math.max(0, later)]);
}

/** @param {Scene} scene @param {{call: number, bracket: Bracket}} thing */
function showBracket(scene, thing) {
  const [from, to] = scene.instant(thing);
  const span = Math.max((to - from) * 2.2, 300_000);
  scene.view.glide((from + to - span) / 2, (from + to + span) / 2);
  scene.choose(thing);
  bringUp();
}

/** @param {Scene} scene */
function nextDifference(scene) {
  const { differences } = scene.page;
  if (!differences.length) return;
  const last = differences.findIndex((it) => it === scene.chosen?.difference);
  scene.visit({ call: 0, difference: differences[(last + 1) % differences.length] });
}
