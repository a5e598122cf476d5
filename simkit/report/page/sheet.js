// What is drawn upon: a canvas, where instants are on it, and what stands where.

/**
 * Something that can be pointed at.
 * @typedef {{call: number, event?: number, evidence?: number[], span?: Span, bracket?: Bracket,
 *   difference?: Difference, broken?: Broken}} Thing
 * @typedef {{x: number, y: number, toX: number, toY: number, thing: Thing,
 *   isLine?: boolean}} Place
 * @typedef {{x: number, y: number, text: string, colour: string, rank: number, bold?: boolean,
 *   short?: string, gap?: string, tries?: [number, number][],
 *   isOnGround?: boolean}} Label
 */

const widths = new Map();

class Sheet {
  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {View} view
   * @param {{left: number, width: number, colours: Object<string, string>}} where
   */
  constructor(pen, view, { left, width, colours }) {
    this.pen = pen;
    this.from = view.from;
    this.to = view.to;
    this.left = left;
    this.right = width;
    this.colours = colours;
    this.scale = (width - left) / view.span;
    /** @type {Place[]} */
    this.places = [];
    /** Where the ruler's names begin and end. @type {[number, number][]} */
    this.names = [];
    /** @type {Label[]} */
    this.labels = [];
    /** Where arrows cross the gaps between lanes. @type {Map<string, number[]>} */
    this.crossings = new Map();
    /** @type {Map<number, [number, number, number, number][]>} */
    this.taken = new Map();
  }

  /** @param {number} t */
  x(t) {
    return this.left + (t - this.from) * this.scale;
  }

  /** @param {number} x */
  t(x) {
    return this.from + (x - this.left) / this.scale;
  }

  /** @param {boolean} [bold] */
  font(bold = false) {
    this.pen.font = `${bold ? "600 " : ""}11px ${FONT}`;
  }

  /** @param {string} text @param {boolean} [bold] */
  wide(text, bold = false) {
    const key = bold ? `!${text}` : text;
    let width = widths.get(key);
    if (width === undefined) {
      this.font(bold);
      width = this.pen.measureText(text).width;
      if (widths.size > 5000) widths.clear();
      widths.set(key, width);
    }
    return width;
  }

  /** As much of a text as there is room for. @param {string} text @param {number} room */
  cut(text, room, bold = false) {
    const most = text.slice(0, Math.ceil(room / 2) + 1);
    if (most.length === text.length && this.wide(text, bold) <= room) return text;
    let low = 0;
    let high = most.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.wide(`${most.slice(0, middle)}…`, bold) <= room) low = middle;
      else high = middle - 1;
    }
    return low ? `${most.slice(0, low).trimEnd()}…` : "";
  }

  /** Ask for a text; it is written where there is room, the lowest rank first. @param {Label} label */
  ask(label) {
    this.labels.push(label);
  }

  /** Keep others' texts away. @param {number} x @param {number} y @param {number} toX @param {number} toY */
  take(x, y, toX, toY) {
    for (let band = Math.floor(y / 16); band <= Math.floor(toY / 16); band++) {
      const there = this.taken.get(band);
      if (there) there.push([x, y, toX, toY]);
      else this.taken.set(band, [[x, y, toX, toY]]);
    }
  }

  /** @param {number} x @param {number} y @param {number} toX @param {number} toY */
  isFree(x, y, toX, toY) {
    for (let band = Math.floor(y / 16); band <= Math.floor(toY / 16); band++) {
      for (const it of this.taken.get(band) ?? []) {
        if (x < it[2] && toX > it[0] && y < it[3] && toY > it[1]) return false;
      }
    }
    return true;
  }

  /** Write what was asked for. */
  write() {
    const { pen } = this;
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    pen.lineJoin = "round";
    this.labels.sort((a, b) => a.rank - b.rank);
    for (const crossings of this.crossings.values()) crossings.sort((a, b) => a - b);
    let written = 0;
    for (const label of this.labels) {
      if (written > 400) break;
      if (this.fit(label, label.text) || (label.short && this.fit(label, label.short))) written++;
    }
  }

  /** Write a text where there is room for it. @param {Label} label @param {string} text */
  fit(label, text) {
    const { pen } = this;
    const width = this.wide(text, label.bold);
    for (const [dx, dy] of label.tries ?? [[0, 0]]) {
      const x = label.x + (dx < 0 ? dx - width : dx);
      const y = label.y + dy;
      if (x < this.left + 2 || x + width > this.right - 2) continue;
      if (!this.isFree(x - 3, y - 10, x + width + 3, y + 3) || this.isCrossed(label, x, x + width)) continue;
      this.take(x - 3, y - 10, x + width + 3, y + 3);
      this.font(label.bold);
      if (label.isOnGround && dy < 0) {
        pen.fillStyle = this.colours.paper;
        pen.fillRect(x - 2, y - 9, width + 4, 11);
      }
      pen.strokeStyle = this.colours.paper;
      pen.lineWidth = 3;
      pen.strokeText(text, x, y);
      pen.fillStyle = label.colour;
      pen.fillText(text, x, y);
      return true;
    }
    return false;
  }

  /** An arrow goes through there. @param {string} gap @param {number} x */
  cross(gap, x) {
    const crossings = this.crossings.get(gap);
    if (crossings) crossings.push(x);
    else this.crossings.set(gap, [x]);
  }

  /** Whether others' arrows go through a text of no great account. @param {Label} label @param {number} x @param {number} toX */
  isCrossed({ gap, rank }, x, toX) {
    const crossings = gap && rank > 1 ? this.crossings.get(gap) : undefined;
    return crossings !== undefined && crossings[lowerBound(crossings, x - 2)] < toX + 2;
  }

  /** @param {number} x @param {number} y @param {number} toX @param {number} toY @param {Thing} thing */
  place(x, y, toX, toY, thing, isLine = false) {
    this.places.push({ x, y, toX, toY, thing, isLine });
  }

  /** What is there; what was drawn last lies on top. @param {number} x @param {number} y @param {number} reach */
  at(x, y, reach = 4) {
    let nearest = null;
    let distance = reach;
    for (let i = this.places.length - 1; i >= 0; i--) {
      const place = this.places[i];
      const away = place.isLine ? fromLine(place, x, y) : fromBox(place, x, y);
      // A line within a box is what was aimed at.
      const weighed = place.isLine ? away - 1 : away;
      if (weighed < distance) {
        distance = weighed;
        nearest = place;
      }
    }
    return nearest;
  }
}

/** @param {Place} place @param {number} x @param {number} y */
function fromBox(place, x, y) {
  const dx = Math.max(place.x - x, x - place.toX, 0);
  const dy = Math.max(place.y - y, y - place.toY, 0);
  return Math.hypot(dx, dy);
}

/** @param {Place} place @param {number} x @param {number} y */
function fromLine({ x: x0, y: y0, toX, toY }, x, y) {
  const [dx, dy] = [toX - x0, toY - y0];
  const along = dx || dy ? clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1) : 0;
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}
