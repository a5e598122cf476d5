// What is pointed at, and what was chosen, in words.

/** @param {Scene} scene @param {Picture} picture @returns {(x: number, y: number, thing: Thing|null) => void} */
function tooltip(scene, picture) {
  const tip = element("tip");
  return (x, y, thing) => {
    tip.hidden = thing === null;
    if (!thing) return;
    const { call, event, span, bracket } = scene.eventOf(thing);
    const lines = [];
    if (event !== undefined) lines.push(flight(scene.calls[call], event));
    if (span) lines.push(`${seconds(span.start)} to ${seconds(span.end)}, ${stretch(span.end - span.start)}`);
    if (bracket) lines.push(...partsOf(bracket));
    if (thing.broken) lines.push(`${seconds(thing.broken.proof.at)}: broken`);
    const title = event === undefined ? scene.describe(thing) : what(scene.calls[call], event);
    tip.replaceChildren(
      make("b", {}, title.slice(0, 300)),
      ...lines.map((line) => make("small", {}, line)),
    );
    const { zoom } = picture;
    const [wide, high] = [tip.offsetWidth / zoom, tip.offsetHeight / zoom];
    const left = x + 14 + wide > picture.width ? Math.max(0, x - wide - 10) : x + 14;
    const top = y + 16 + high > picture.height ? Math.max(0, y - high - 8) : y + 16;
    tip.style.transform = `translate(${Math.round(left * zoom)}px, ${Math.round(top * zoom)}px)`;
  };
}

/** From where to where, and how long it took. @param {Call} call @param {number} i */
function flight(call, i) {
  const { t, source, target, sent, arrived } = call.panel.events;
  const way = target[i] < 0 ? call.lane(source[i]) : `${call.lane(source[i])} → ${call.lane(target[i])}`;
  const long = arrived[i] > sent[i] ? `, ${stretch(arrived[i] - sent[i])} in flight` : "";
  return `${seconds(t[i])}  ${way}${long}`;
}

/** @param {Bracket} bracket @returns {string[]} */
function partsOf(bracket) {
  const lines = PARTS.map((name, i) => `${name}: ${bracket.told[i + 1]}`);
  if (bracket.told_by) lines.push(`told by ${bracket.told_by}`);
  if (bracket.unheard_ms !== null) lines.push(`${stretch(bracket.unheard_ms * 1000)} were never heard`);
  return lines;
}

/** @param {Scene} scene @param {() => void} copy */
function watchChosen(scene, copy) {
  const box = element("pinned");
  const button = (/** @type {string} */ name, /** @type {() => void} */ does) => {
    const made = make("button", { type: "button" }, name);
    made.addEventListener("click", does);
    return made;
  };
  scene.addEventListener("chosen", () => {
    const thing = scene.chosen;
    box.hidden = thing === null;
    if (!thing) return;
    box.replaceChildren(
      make(
        "header",
        {},
        make("h3", {}, scene.describe(thing).slice(0, 2000)),
        button("Show", () => scene.view.visit(...scene.instant(thing))),
        button("Copy link", copy),
        button("Close", () => scene.choose(null)),
      ),
      thing.broken ? evidenceOf(scene, thing) : make("dl", {}, ...rowsOf(scene, thing).map(([name, value]) => row(name, value))),
    );
    box.scrollTop = 0;
  });
}

/** The events that show it, each of which can be gone to. @param {Scene} scene @param {Thing} thing */
function evidenceOf(scene, { call, evidence = [] }) {
  const { line } = scene.calls[call].panel.events;
  return make("ol", { class: "evidence" }, ...evidence.map((event) => {
    const button = make("button", { type: "button" }, line[event].trim());
    button.addEventListener("click", () => scene.visit({ call, event }));
    return make("li", {}, button);
  }));
}

/** @param {string} name @param {string} value */
function row(name, value) {
  const isWide = name.length + value.length > 20 || value.includes("\n");
  return make("div", isWide ? { class: "wide" } : {}, make("dt", {}, name), make("dd", {}, value));
}

/** @param {Scene} scene @param {Thing} thing @returns {[string, string][]} */
function rowsOf(scene, { call: number, event, span, bracket, difference }) {
  const call = scene.calls[number];
  if (span) {
    return [["from", seconds(span.start)], ["to", seconds(span.end)], ["lasts", stretch(span.end - span.start)], ["text", span.text]];
  }
  if (bracket) {
    /** @type {[string, string][]} */
    const parts = PARTS.map((name, i) => [name, bracket.told[i + 1]]);
    return [
      ["caller", bracket.text],
      ["stops after", bracket.stop_ms === null ? "never" : bracket.told[0]],
      ...parts,
      ["told by", bracket.told_by ?? "nobody"],
      ["never heard", bracket.unheard_ms === null ? "unknown" : stretch(bracket.unheard_ms * 1000)],
    ];
  }
  if (difference) {
    const at = (/** @type {number|null} */ t) => (t === null ? "has no such thing" : seconds(t));
    return [
      ["above", at(difference.above)],
      ["below", at(difference.below)],
      ["follows from", difference.cause === null ? "nothing before it" : `difference ${difference.cause}`],
    ];
  }
  const i = event ?? 0;
  const { t, sent, arrived, source, target, fields } = call.panel.events;
  /** @type {[string, string][]} */
  const rows = [["at", seconds(t[i], 6)], ["kind", call.kind(i)], ["from", call.lane(source[i])]];
  if (target[i] >= 0) {
    rows.push(["to", call.lane(target[i])], ["sent", seconds(sent[i], 6)], ["arrived", seconds(arrived[i], 6)]);
    rows.push(["in flight", stretch(arrived[i] - sent[i])]);
  }
  for (const [name, value] of Object.entries(fields[i] ?? {})) {
    if (value !== null) rows.push([name, plain(name, value)]);
  }
  return rows;
}

/** A field as people read it. @param {string} name @param {any} value */
function plain(name, value) {
  if (name.endsWith("_ns") && typeof value === "number") {
    return name === "last_ns" ? seconds(value / 1000, 6) : stretch(value / 1000);
  }
  return typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}
