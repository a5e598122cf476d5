// The colours of the style sheet, as a canvas needs them; dark or light.

const COLOURS = [
  "paper", "raised", "sunk", "line", "ink", "dim", "faint", "accent", "bad", "good", "mouth", "r0",
  "r1", "r2", "r3", "unknown", "detect", "react", "fly", "tail", "found", "wash",
];
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** @returns {Object<string, string>} */
function readColours() {
  const probe = make("i", { hidden: "", class: "probe" });
  document.body.append(probe);
  /** @type {Object<string, string>} */
  const found = {};
  for (const name of COLOURS) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** @param {Object<string, string>} colours @param {number} reply from 0 */
function replyColour(colours, reply) {
  return reply < 0 ? colours.unknown : colours[`r${reply % 4}`];
}

/** @param {() => void} changed is called whenever the colours are others */
function watchTheme(changed) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  const kept = fromStore("simkit-theme");
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  element("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("simkit-theme", root.dataset.theme);
    } catch {
      // Some browsers keep nothing for files.
    }
    changed();
  });
}

/** @param {string} key @returns {string|null} */
function fromStore(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
