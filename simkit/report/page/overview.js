// The strip of the whole call, with the window that is seen.

const EDGE_REACH = 7;

class Overview extends Drawn {
  /** @param {Scene} scene @param {Picture} picture */
  constructor(scene, picture) {
    super();
    this.scene = scene;
    this.picture = picture;
    this.canvas = element("overview");
    this.height = 52;
    /** What does not change with the window. @type {HTMLCanvasElement|null} */
    this.ground = null;
    new ResizeObserver(() => this.renew()).observe(this.canvas);
    scene.view.addEventListener("change", () => this.ask());
    scene.addEventListener("calls", () => this.renew());
    for (const what of ["cursor", "played"]) scene.addEventListener(what, () => this.ask());
    this.watch();
  }

  get width() {
    return this.canvas.clientWidth;
  }

  /** @param {number} t */
  x(t) {
    return 8 + (t / this.scene.view.duration) * (this.width - 16);
  }

  /** @param {number} x */
  instant(x) {
    return ((x - 8) / (this.width - 16)) * this.scene.view.duration;
  }

  /** Draw the ground anew: another width, other colours. */
  renew() {
    if (this.width < 20) return;
    const ratio = devicePixelRatio;
    const ground = (this.ground = document.createElement("canvas"));
    for (const canvas of [this.canvas, ground]) {
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(this.height * ratio);
    }
    const pen = /** @type {CanvasRenderingContext2D} */ (ground.getContext("2d"));
    pen.scale(ratio, ratio);
    const { colours } = this.picture;
    pen.fillStyle = colours.raised;
    pen.fillRect(0, 0, this.width, this.height);
    const { calls } = this.scene;
    const share = (this.height - 12) / calls.length;
    for (const [i, call] of calls.entries()) this.drawCall(pen, call, 8 + i * share, share);
    this.ask();
  }

  /** @param {CanvasRenderingContext2D} pen @param {Call} call @param {number} top @param {number} height */
  drawCall(pen, call, top, height) {
    const { colours } = this.picture;
    const half = height / 2;
    for (const [row, middle] of /** @type {[string, number][]} */ ([["mouth", top + half / 2], ["ear", top + half * 1.5]])) {
      for (const span of call.track(row).spans) {
        pen.fillStyle = row === "mouth" ? colours.mouth : replyColour(colours, span.reply);
        pen.globalAlpha = span.unheard ? 0.12 : 0.25;
        const x = this.x(span.start);
        pen.fillRect(x, middle - half / 2 + 1, Math.max(this.x(span.end) - x, 0.5), half - 2);
      }
      pen.globalAlpha = 1;
      const wave = call.waves.get(row);
      if (!wave) continue;
      /** @type {[number, number]} */
      const pair = [0, 0];
      const end = this.x(call.panel.duration);
      const spans = call.track(row).spans.filter((it) => !it.unheard);
      let next = 0;
      for (let x = 8; x < end; x += 0.5) {
        const t = this.instant(x);
        while (next < spans.length && spans[next].end <= t) next++;
        const span = next < spans.length && spans[next].start <= t ? spans[next] : null;
        if (!span) pen.fillStyle = colours.faint;
        else pen.fillStyle = row === "mouth" ? colours.mouth : replyColour(colours, span.reply);
        wave.between(t, this.instant(x + 0.5), pair);
        const up = (Math.max(pair[1], -pair[0]) / 127) * call.gain * (half / 2 - 1);
        if (up > 0.3) pen.fillRect(x, middle - up, 0.5, 2 * up);
      }
    }
    pen.fillStyle = colours.bad;
    for (const { onset, stop_ms } of call.panel.brackets) {
      pen.fillRect(this.x(onset), top - 6, Math.max(2.5, this.x(onset + (stop_ms ?? NEVER) * 1000) - this.x(onset)), 4);
    }
    if (call.number) return;
    for (const promise of this.scene.page.promises) {
      for (const { at, call: number } of promise.passed ? [] : promise.proofs) {
        if (number !== this.scene.number) continue;
        const x = this.x(at);
        pen.beginPath();
        pen.moveTo(x - 4, this.height);
        pen.lineTo(x + 4, this.height);
        pen.lineTo(x, this.height - 7);
        pen.fill();
      }
    }
  }

  draw() {
    if (!this.ground) return;
    const { view, cursor } = this.scene;
    const { colours } = this.picture;
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.ground, 0, 0);
    pen.scale(devicePixelRatio, devicePixelRatio);
    const x = Math.max(1, this.x(view.from));
    const toX = Math.min(this.width - 1, this.x(view.to));
    pen.fillStyle = colours.paper;
    pen.globalAlpha = 0.65;
    pen.fillRect(0, 0, x, this.height);
    pen.fillRect(toX, 0, this.width - toX, this.height);
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 1.5;
    pen.strokeRect(x, 1, Math.max(toX - x, 1), this.height - 2);
    pen.fillStyle = colours.accent;
    for (const edge of [x, toX]) {
      pen.beginPath();
      pen.roundRect(edge - 2.5, this.height / 2 - 9, 5, 18, 2.5);
      pen.fill();
    }
    pen.fillRect(this.x(cursor) - 0.75, 0, 1.5, this.height);
  }

  watch() {
    const { canvas } = this;
    const { view } = this.scene;
    /** @type {((t: number) => void)|null} */
    let drag = null;
    canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      canvas.setPointerCapture(event.pointerId);
      const at = event.offsetX;
      const begun = this.instant(at);
      const { from, to } = view;
      const [x, toX] = [this.x(from), this.x(to)];
      if (Math.abs(at - x) < EDGE_REACH) drag = (t) => view.show(Math.min(t, to - SHORTEST), to);
      else if (Math.abs(at - toX) < EDGE_REACH) drag = (t) => view.show(from, Math.max(t, from + SHORTEST));
      else if (at > x && at < toX && toX - x < this.width - 40) {
        drag = (t) => view.show(from + t - begun, to + t - begun);
      } else {
        drag = (t) => {
          if (Math.abs(this.x(t) - at) > 4) view.show(Math.min(t, begun), Math.max(t, begun));
        };
        if (toX - x < this.width - 40) view.show(begun - (to - from) / 2, begun + (to - from) / 2);
      }
    });
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (drag) drag(this.instant(event.offsetX));
      const near = [view.from, view.to].some((t) => Math.abs(this.x(t) - event.offsetX) < EDGE_REACH);
      canvas.style.cursor = near ? "ew-resize" : "crosshair";
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (drag = null));
    canvas.addEventListener("dblclick", () => view.fit());
  }
}
