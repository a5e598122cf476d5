// What is open, where one is in it, and what was chosen; tells those who listen.

class Scene extends EventTarget {
  /** @param {Page} page */
  constructor(page) {
    super();
    this.page = page;
    /** What is drawn, one above the other. */
    this.calls = page.panels.map((panel, number) => new Call(panel, number));
    /** Which call of the run the first of them is. */
    this.number = 0;
    this.view = new View();
    this.view.renew(this.duration);
    /** The instant that is looked at, or played. */
    this.cursor = 0;
    /** @type {Thing|null} */
    this.chosen = null;
  }

  get duration() {
    return Math.max(0, ...this.calls.map((call) => call.panel.duration));
  }

  /** Look at another call of the run. @param {number} number 0: the first one */
  open(number) {
    if (number === this.number) return;
    const { panels, others } = this.page;
    this.number = number;
    this.calls[0] = new Call(number ? others[number - 1] : panels[0], 0);
    this.chosen = null;
    this.view.renew(this.duration);
    this.tell("calls");
    this.tell("chosen");
  }

  /** "calls", "cursor", "chosen" or "filter": which is another. @param {string} what */
  tell(what) {
    this.dispatchEvent(new Event(what));
  }

  /** @param {number} t @param {boolean} [isPlayed] the player itself is there */
  goTo(t, isPlayed = false) {
    this.cursor = clamp(t, 0, this.view.duration);
    this.tell(isPlayed ? "played" : "cursor");
  }

  /** @param {Thing|null} thing */
  choose(thing) {
    this.chosen = thing;
    if (thing) {
      const { t } = this.calls[thing.call].panel.events;
      this.goTo(thing.event === undefined ? this.instant(thing)[0] : t[thing.event]);
      element("said").textContent = this.describe(thing);
    }
    this.tell("chosen");
  }

  /** Choose, and bring it into sight. @param {Thing} thing */
  visit(thing) {
    const [from, to] = this.instant(thing);
    const { view } = this;
    const isOutside = from < view.from + view.span * 0.05 || to > view.to - view.span * 0.05;
    if (isOutside || thing.difference) view.visit(from, Math.min(to, from + 20e6));
    this.choose(thing);
    bringUp();
  }

  /** @param {Thing} thing @returns {[number, number]} from when until when */
  instant({ call, event, span, bracket, difference, broken }) {
    if (broken) return [broken.proof.at, broken.proof.at];
    if (span) return [span.start, span.end];
    if (bracket) return [bracket.onset, bracket.onset + (bracket.stop_ms ?? NEVER) * 1000];
    if (difference) {
      const both = [difference.above, difference.below].filter((t) => t !== null);
      return [Math.min(...both), Math.max(...both)];
    }
    const { t, sent, arrived } = this.calls[call].panel.events;
    const i = event ?? 0;
    return [Math.min(t[i], sent[i]), Math.max(t[i], arrived[i])];
  }

  /** One sentence about it. @param {Thing} thing */
  describe({ call, event, span, bracket, difference, broken }) {
    if (broken) return `${broken.name}: ${broken.proof.sentence}`;
    if (span) return span.title || span.text || span.row;
    if (difference) return `${difference.number}: ${difference.sentence}`;
    if (bracket) {
      const stop = bracket.stop_ms;
      return stop === null
        ? `${seconds(bracket.onset)}: interrupted, the agent never stops`
        : `${seconds(bracket.onset)}: interrupted, the agent stops after ${bracket.told[0]}`;
    }
    return this.calls[call].panel.events.line[event ?? 0].trim();
  }

  /** The event that a span is about, if it is shown. @param {Thing} thing @returns {Thing} */
  eventOf(thing) {
    const { span } = thing;
    if (!span) return thing;
    const { t, line } = this.calls[thing.call].panel.events;
    for (let i = lowerBound(t, span.start - 1); i < t.length && t[i] <= span.start + 1; i++) {
      if (line[i].trim() === span.title) return { call: thing.call, event: i };
    }
    return thing;
  }
}

/** Let the page show as much of the picture as it can. */
function bringUp() {
  const stage = element("stage").getBoundingClientRect();
  if (stage.bottom > innerHeight * 0.75 || stage.top < 0) element("call").scrollIntoView({ block: "start" });
}

/** Tell people briefly. @param {string} text */
function notify(text) {
  const note = element("note");
  note.textContent = text;
  note.hidden = false;
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => (note.hidden = true), 2600);
}
/** @type {any} */
notify.timer = 0;
