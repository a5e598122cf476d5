// Numbers, texts and elements.

/** First index whose value is not less. @param {ArrayLike<number>} list @param {number} value */
function lowerBound(list, value) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** An instant as people read it: from 100 seconds on with its minutes. @param {number} us @param {number} [digits] */
function seconds(us, digits = 3) {
  return us < 1e8 ? `${(us / 1e6).toFixed(digits)} s` : minutes(us, digits);
}

/** @param {number} us @param {number} digits */
function minutes(us, digits) {
  const unit = 10 ** (6 - digits);
  const [whole, rest] = [Math.round(us / unit) * unit, 6e7];
  return `${Math.floor(whole / rest)}:${((whole % rest) / 1e6).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}`;
}

/** A short stretch of time. @param {number} us */
function stretch(us) {
  if (Math.abs(us) >= 1e6) return `${(us / 1e6).toFixed(Math.abs(us) >= 1e7 ? 1 : 2)} s`;
  const ms = us / 1000;
  return `${Math.abs(ms) >= 10 || Number.isInteger(ms) ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

/** @param {string} base64 @returns {Uint8Array<ArrayBuffer>} */
function bytes(base64) {
  const text = atob(base64);
  const result = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) result[i] = text.charCodeAt(i);
  return result;
}

/** @param {string} id @returns {any} */
function element(id) {
  return document.getElementById(id);
}

/**
 * Make an element; texts stay texts.
 * @param {string} tag @param {Object<string, string>} attributes
 * @param {...(Node|string)} children @returns {any}
 */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
