// Which stretch of time is seen.

const SHORTEST = 2000;

class View extends EventTarget {
  constructor() {
    super();
    this.gliding = 0;
    /** Where a glide leads. @type {[number, number]|null} */
    this.goal = null;
    this.duration = this.first = this.last = this.from = this.to = 0;
    this.renew(0);
  }

  /** All of another call. @param {number} duration */
  renew(duration) {
    this.duration = Math.max(duration, SHORTEST);
    this.first = -0.012 * this.duration;
    this.last = 1.012 * this.duration;
    this.from = this.first;
    this.to = this.last;
  }

  get span() {
    return this.to - this.from;
  }

  /** @param {number} from @param {number} to */
  show(from, to) {
    cancelAnimationFrame(this.gliding);
    this.goal = null;
    this.put(from, to);
  }

  /** Be where a glide leads: what comes next goes on from there. */
  land() {
    if (this.goal) this.show(...this.goal);
  }

  /** @param {number} from @param {number} to */
  put(from, to) {
    const span = clamp(to - from, SHORTEST, this.last - this.first);
    const middle = (from + to) / 2;
    this.from = clamp(middle - span / 2, this.first, this.last - span);
    this.to = this.from + span;
    this.dispatchEvent(new Event("change"));
  }

  /** Go there so that the eye can follow. @param {number} from @param {number} to */
  glide(from, to) {
    cancelAnimationFrame(this.gliding);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.put(from, to);
      return;
    }
    this.goal = [from, to];
    const began = performance.now();
    const [a, b] = [this.from, this.to];
    const step = (/** @type {number} */ now) => {
      const part = clamp((now - began) / 180, 0, 1);
      const eased = 1 - (1 - part) ** 3;
      this.put(a + (from - a) * eased, b + (to - b) * eased);
      if (part < 1) this.gliding = requestAnimationFrame(step);
      else this.goal = null;
    };
    this.gliding = requestAnimationFrame(step);
  }

  /** @param {number} factor below 1: nearer @param {number} [still] instant that stays in its place */
  zoom(factor, still) {
    this.land();
    const at = still ?? (this.from + this.to) / 2;
    const span = clamp(this.span * factor, SHORTEST, this.last - this.first);
    const from = at - ((at - this.from) * span) / this.span;
    this.show(from, from + span);
  }

  /** @param {number} us @returns {boolean} whether there was anywhere to go */
  move(us) {
    this.land();
    const before = this.from;
    this.show(this.from + us, this.to + us);
    return Math.abs(this.from - before) > this.span * 1e-6;
  }

  fit() {
    this.glide(this.first, this.last);
  }

  /** Show an instant, nearer if all is far away. @param {number} t @param {number} [until] */
  visit(t, until = t) {
    const span = Math.max(Math.min(this.span, 3e6), (until - t) * 1.8);
    const middle = (t + until) / 2;
    this.glide(middle - span / 2, middle + span / 2);
  }

  /** Bring an instant into sight without zooming. @param {number} t */
  follow(t) {
    if (t >= this.from && t <= this.to) return;
    this.show(t - this.span * 0.1, t + this.span * 0.9);
  }
}
