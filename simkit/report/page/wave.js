// The outline of a sound, at every scale.

const FOLD = 4;

class Wave {
  /** @param {Outline} outline */
  constructor(outline) {
    this.start = outline.start;
    this.bucket = outline.bucket;
    /** Each level has a quarter of the pairs of the one before. @type {Int8Array[]} */
    this.levels = [new Int8Array(bytes(outline.peaks).buffer)];
    for (let last = this.levels[0]; last.length > 2 * FOLD; last = this.levels[this.levels.length - 1]) {
      this.levels.push(folded(last));
    }
    const top = this.levels[this.levels.length - 1];
    this.loudest = top.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }

  /**
   * Lowest and highest sample between two instants.
   * @param {number} from @param {number} to @param {[number, number]} into
   */
  between(from, to, into) {
    into[0] = into[1] = 0;
    if (to < this.start) return;
    let level = 0;
    let size = this.bucket;
    while (level + 1 < this.levels.length && size * FOLD <= to - from) {
      level++;
      size *= FOLD;
    }
    const pairs = this.levels[level];
    const first = Math.max(0, Math.floor((from - this.start) / size));
    const last = Math.min(pairs.length / 2 - 1, Math.max(first, Math.ceil((to - this.start) / size) - 1));
    let low = 0;
    let high = 0;
    for (let i = first; i <= last; i++) {
      if (pairs[2 * i] < low) low = pairs[2 * i];
      if (pairs[2 * i + 1] > high) high = pairs[2 * i + 1];
    }
    into[0] = low;
    into[1] = high;
  }
}

/** @param {Int8Array} pairs @returns {Int8Array} */
function folded(pairs) {
  const count = Math.ceil(pairs.length / 2 / FOLD);
  const result = new Int8Array(2 * count);
  for (let i = 0; i < count; i++) {
    let low = 127;
    let high = -128;
    const end = Math.min(pairs.length / 2, (i + 1) * FOLD);
    for (let j = i * FOLD; j < end; j++) {
      if (pairs[2 * j] < low) low = pairs[2 * j];
      if (pairs[2 * j + 1] > high) high = pairs[2 * j + 1];
    }
    result[2 * i] = low;
    result[2 * i + 1] = high;
  }
  return result;
}
