// The same events as a table, of which only the rows in sight exist.

const ROW = 25;
const AROUND = 30;
/** Rows that are printed at most. */
const PRINTED = 500;

class Table {
  /** @param {Scene} scene */
  constructor(scene) {
    this.scene = scene;
    this.box = element("events");
    this.scroller = this.box.querySelector(".scroller");
    this.table = this.box.querySelector("table");
    this.body = this.box.querySelector("tbody");
    /** What is shown, in the order of time. @type {{call: number, event: number}[]} */
    this.list = [];
    this.first = -1;
    this.last = -1;
    this.scroller.addEventListener("scroll", () => this.draw());
    scene.addEventListener("filter", () => this.renew());
    scene.addEventListener("chosen", () => this.mark());
    element("as-table").addEventListener("click", () => this.toggle());
    this.watch();
  }

  toggle() {
    this.box.hidden = !this.box.hidden;
    element("as-table").setAttribute("aria-expanded", String(!this.box.hidden));
    if (this.box.hidden) return;
    this.renew();
    const at = Math.max(0, this.indexOf(this.scene.chosen));
    this.focus(at);
    this.box.scrollIntoView({ block: "nearest" });
  }

  renew() {
    if (this.box.hidden) return;
    const { calls } = this.scene;
    this.list = [];
    for (const call of calls) {
      for (let i = 0; i < call.panel.events.t.length; i++) {
        if (isOpen(call, i)) this.list.push({ call: call.number, event: i });
      }
    }
    const at = (/** @type {{call: number, event: number}} */ it) => calls[it.call].panel.events.t[it.event];
    if (calls.length > 1) this.list.sort((a, b) => at(a) - at(b));
    this.table.setAttribute("aria-rowcount", String(this.list.length + 1));
    this.first = -1;
    this.draw();
  }

  /** @param {Thing|null} thing */
  indexOf(thing) {
    if (!thing || thing.event === undefined) return -1;
    return this.list.findIndex((it) => it.call === thing.call && it.event === thing.event);
  }

  /** @param {number} [from] @param {number} [to] what must exist, besides what is in sight */
  draw(from, to) {
    if (this.box.hidden) return;
    const top = Math.floor(this.scroller.scrollTop / ROW);
    const first = Math.max(0, from ?? top - AROUND);
    const last = Math.min(this.list.length, to ?? top + Math.ceil(this.scroller.clientHeight / ROW) + AROUND);
    if (from === undefined && this.first >= 0 && Math.abs(first - this.first) < AROUND / 2 && last <= this.last) return;
    const focused = document.activeElement?.closest?.("#events tr")?.getAttribute("aria-rowindex");
    this.first = first;
    this.last = last;
    const rows = [];
    for (let i = first; i < last; i++) rows.push(this.row(i));
    this.body.replaceChildren(spacer(first), ...rows, spacer(this.list.length - last));
    if (!this.list.length) {
      this.body.replaceChildren(make("tr", {}, make("td", { colspan: "6" }, "No event is shown.")));
    }
    this.mark();
    if (focused) this.body.querySelector(`[aria-rowindex="${focused}"]`)?.focus({ preventScroll: true });
  }

  /** @param {number} index */
  row(index) {
    const { call: number, event: i } = this.list[index];
    const call = this.scene.calls[number];
    const { t, source, target, sent, arrived } = call.panel.events;
    const cells = [
      seconds(t[i]),
      call.lane(source[i]),
      call.lane(target[i]),
      call.kind(i),
      what(call, i).slice(0, 400),
      target[i] >= 0 && arrived[i] > sent[i] ? stretch(arrived[i] - sent[i]) : "",
    ];
    if (this.scene.calls.length > 1) cells[4] = `${call.panel.title}: ${cells[4]}`;
    return make(
      "tr",
      {
        tabindex: "-1",
        "aria-rowindex": String(index + 2),
        "aria-selected": "false",
        ...(BAD.has(call.kind(i)) ? { class: "bad" } : {}),
      },
      ...cells.map((text) => make("td", {}, text)),
    );
  }

  mark() {
    if (this.box.hidden) return;
    const at = this.indexOf(this.scene.chosen);
    for (const row of this.body.querySelectorAll("tr[aria-rowindex]")) {
      const isIt = Number(row.getAttribute("aria-rowindex")) === at + 2;
      row.setAttribute("aria-selected", String(isIt));
      row.tabIndex = isIt ? 0 : -1;
    }
    if (at < 0) this.body.querySelector("tr[aria-rowindex]")?.setAttribute("tabindex", "0");
  }

  /** @param {number} index */
  focus(index) {
    if (!this.list.length) return;
    const at = clamp(index, 0, this.list.length - 1);
    const { scrollTop, clientHeight } = this.scroller;
    if (at * ROW < scrollTop || (at + 2) * ROW > scrollTop + clientHeight - ROW) {
      this.scroller.scrollTop = at * ROW - clientHeight / 2;
    }
    if (at < this.first || at >= this.last) this.draw(Math.max(0, at - AROUND), at + AROUND);
    const row = this.body.querySelector(`[aria-rowindex="${at + 2}"]`);
    row?.focus({ preventScroll: true });
  }

  watch() {
    const indexOf = (/** @type {Event} */ event) =>
      Number(/** @type {HTMLElement} */ (event.target).closest("tr")?.getAttribute("aria-rowindex") ?? 1) - 2;
    this.body.addEventListener("click", (/** @type {Event} */ event) => {
      const at = indexOf(event);
      if (at >= 0) this.scene.visit(this.list[at]);
    });
    this.body.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const at = indexOf(event);
      /** @type {Object<string, number>} */
      const ways = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 15, PageUp: at - 15, Home: 0, End: this.list.length - 1 };
      if (event.key in ways) this.focus(ways[event.key]);
      else if ((event.key === "Enter" || event.key === " ") && at >= 0) this.scene.visit(this.list[at]);
      else return;
      event.preventDefault();
    });
    addEventListener("beforeprint", () => this.print());
    addEventListener("afterprint", () => {
      this.first = -1;
      this.draw();
    });
  }

  /** Let the first rows exist, and say where the others are. */
  print() {
    if (this.box.hidden) return;
    this.draw(0, PRINTED);
    const rest = this.list.length - this.last;
    if (rest <= 0) return;
    const { call, event } = this.list[this.last];
    const from = seconds(this.scene.calls[call].panel.events.t[event]);
    const told = `and ${rest} more events, from ${from} on: all are in the file that this was printed from; its filter chooses which are printed`;
    this.body.append(make("tr", { class: "rest" }, make("td", { colspan: "6" }, told)));
  }
}

/** Stands for rows that are out of sight. @param {number} count */
function spacer(count) {
  const made = make("tr", { "aria-hidden": "true" });
  made.style.height = `${count * ROW}px`;
  return made;
}
