// The picture: all calls on one time axis, drawn anew whenever something is another.

/** Pixels of usual letters. */
const LETTERS = 13;

class Picture extends Drawn {
  /** @param {Scene} scene */
  constructor(scene) {
    super();
    this.scene = scene;
    this.stage = element("stage");
    this.base = element("base");
    this.over = element("over");
    this.colours = readColours();
    this.width = 0;
    this.height = 0;
    this.ratio = 1;
    /** How much larger letters are than usual, as the browser is set. */
    this.zoom = 1;
    /** @type {Sheet|null} */
    this.sheet = null;
    /** @type {number|null} */
    this.pointer = null;
    /** What is being marked to zoom into. @type {[number, number]|null} */
    this.marked = null;
    /** @type {{rows: Row[], top: number, bottom: number}[]} */
    this.panels = [];
    this.layOut();
    new ResizeObserver(() => this.measure()).observe(this.stage);
    scene.view.addEventListener("change", () => this.ask());
    for (const what of ["chosen", "filter"]) scene.addEventListener(what, () => this.ask());
    scene.addEventListener("calls", () => {
      this.layOut();
      this.resize(this.width, this.ratio);
      this.draw();
    });
    for (const what of ["cursor", "played"]) scene.addEventListener(what, () => this.drawOver());
  }

  layOut() {
    const { calls } = this.scene;
    let y = RULER;
    this.panels = calls.map((call, i) => {
      if (i) y += this.scene.page.differences.length ? SEAM : EMPTY_SEAM;
      const top = y;
      const isBroken = brokenIn(this.scene, i).length > 0;
      const { rows, bottom } = layOut(call, y, calls.length > 1, isBroken);
      y = bottom;
      return { rows, top, bottom };
    });
    this.height = Math.ceil(y + 4);
  }

  get left() {
    return this.width < 700 ? NARROW_GUTTER : GUTTER;
  }

  measure() {
    this.zoom = parseFloat(getComputedStyle(document.documentElement).fontSize) / LETTERS;
    const width = this.stage.clientWidth / this.zoom;
    const ratio = devicePixelRatio * this.zoom;
    if (width === this.width && this.ratio === ratio) return;
    this.resize(width, ratio);
    this.draw();
  }

  /** @param {number} width @param {number} ratio */
  resize(width, ratio) {
    this.width = width;
    this.ratio = ratio;
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(this.height * ratio);
      canvas.style.height = `${this.height * this.zoom}px`;
    }
    this.stage.style.height = `${this.height * this.zoom}px`;
  }

  draw() {
    if (this.width < this.left + 20) return; // nobody sees it, or not yet
    const { scene, width, height, colours, left } = this;
    const pen = this.base.getContext("2d", { alpha: false });
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, width, height);
    const sheet = (this.sheet = new Sheet(pen, scene.view, { left, width, colours }));
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, width - left, height);
    pen.clip();
    drawGrid(sheet, height, scene.view.duration);
    for (const [i, call] of scene.calls.entries()) this.drawCall(sheet, call, i);
    drawDifferences(sheet, scene, this.panels);
    sheet.write();
    pen.restore();
    pen.fillStyle = colours.line;
    pen.fillRect(left - 1, 0, 1, height);
    for (const [i, { rows, top }] of this.panels.entries()) {
      drawNames(sheet, rows);
      if (scene.calls.length > 1) drawTitle(sheet, scene.calls[i], top);
    }
    this.stage.dataset.from = String(Math.round(scene.view.from));
    this.stage.dataset.to = String(Math.round(scene.view.to));
    this.drawOver();
  }

  /** @param {Sheet} sheet @param {Call} call @param {number} number */
  drawCall(sheet, call, number) {
    const { rows, bottom } = this.panels[number];
    const brackets = rows.find((row) => row.id === "brackets");
    if (brackets) drawBrackets(sheet, call, brackets, bottom, rows);
    for (const row of rows) {
      if (row.id === "mouth" || row.id === "ear") drawVoice(sheet, call, row);
      else if (["agent", "turn", "disturbance"].includes(row.id)) drawBars(sheet, call, row);
    }
    drawMessages(sheet, call, rows, this.scene.chosen);
    const broken = rows.find((row) => row.id === "broken");
    drawBrokenSounds(sheet, this.scene, number, rows);
    if (broken) drawBroken(sheet, this.scene, number, broken, bottom);
    const span = this.scene.chosen?.span;
    if (span && this.scene.chosen?.call === number) {
      const place = sheet.places.find((it) => it.thing.span === span);
      if (place) {
        sheet.pen.strokeStyle = this.colours.accent;
        sheet.pen.lineWidth = 2;
        sheet.pen.strokeRect(place.x, place.y, place.toX - place.x, place.toY - place.y);
      }
    }
  }

  /** The cursor, the pointer and what is marked, above everything. */
  drawOver() {
    const { scene, sheet, colours, width, height } = this;
    if (!sheet) return;
    const pen = this.over.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.stage.dataset.cursor = String(Math.round(scene.cursor));
    if (this.marked) {
      const [x, toX] = this.marked.map((t) => sheet.x(t)).sort((a, b) => a - b);
      pen.fillStyle = colours.accent;
      pen.globalAlpha = 0.15;
      pen.fillRect(x, 0, toX - x, height);
      pen.globalAlpha = 1;
      this.flag(pen, stretch(Math.abs(this.marked[1] - this.marked[0])), (x + toX) / 2, colours.accent);
    }
    if (this.pointer !== null && this.pointer >= this.left) {
      pen.fillStyle = colours.faint;
      pen.fillRect(Math.round(this.pointer), 0, 1, height);
      const t = this.instantAt(this.pointer);
      if (!this.marked) this.flag(pen, seconds(t), this.pointer, colours.dim);
    }
    const x = sheet.x(scene.cursor);
    if (x >= this.left - 1 && x <= width) {
      pen.fillStyle = colours.accent;
      pen.fillRect(x - 0.75, 0, 1.5, height);
      // The titles of calls, and the numbers of what differs, are not crossed out.
      for (const [i, { top }] of scene.calls.length > 1 ? this.panels.entries() : []) {
        const seam = i ? this.panels[i - 1].bottom : top;
        pen.clearRect(x - 1, seam, 2, top + 24 - seam);
      }
      this.flag(pen, seconds(scene.cursor), x, colours.accent);
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {string} text @param {number} x @param {string} colour */
  flag(pen, text, x, colour) {
    pen.font = `600 11px ${FONT}`;
    const wide = pen.measureText(text).width + 10;
    const start = clamp(x - wide / 2, this.left, this.width - wide);
    // No name of the ruler is seen by half.
    pen.fillStyle = this.colours.paper;
    for (const [from, to] of this.sheet?.names ?? []) {
      if (from < start + wide && to > start) pen.fillRect(from - 1, 4, to - from + 2, 18);
    }
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(start, 4, wide, 18, 4);
    pen.fill();
    pen.fillStyle = this.colours.paper;
    pen.textBaseline = "middle";
    pen.fillText(text, start + 5, 13.5);
  }

  /** @param {number} x @returns {number} */
  instantAt(x) {
    const { view } = this.scene;
    return view.from + ((x - this.left) / (this.width - this.left)) * view.span;
  }

  recolour() {
    this.colours = readColours();
    hatchings.clear();
    this.draw();
  }

  /** On paper: light, what is seen, and as wide as paper is. */
  watchPrinting() {
    const root = document.documentElement;
    let theme = root.dataset.theme;
    let [width, ratio] = [0, 1];
    addEventListener("beforeprint", () => {
      ({ width, ratio } = this);
      ({ theme } = root.dataset);
      root.dataset.theme = "light";
      this.scene.view.land();
      this.resize(1000, 2);
      this.recolour();
    });
    addEventListener("afterprint", () => {
      if (theme) root.dataset.theme = theme;
      else delete root.dataset.theme;
      this.resize(width, ratio);
      this.recolour();
    });
  }
}
