"use strict";
// Without this the page is whole, and shows everything.
const filters = /** @type {HTMLElement} */ (document.querySelector(".filters"));
const races = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("tbody")]);
const results = /** @type {HTMLElement[]} */ ([...filters.querySelectorAll("[data-result]")]);
const words = /** @type {HTMLInputElement} */ (filters.querySelector("input"));
const every = /** @type {HTMLElement} */ (filters.querySelector(".all"));
const told = /** @type {HTMLElement} */ (filters.querySelector(".shown"));

/** @param {HTMLElement} button @param {boolean} on */
function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

/** @param {HTMLElement} button */
function isPressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

/** Show the races that are asked for. */
function show() {
  const wanted = new Set(results.filter(isPressed).map((button) => button.dataset.result));
  const text = words.value.trim().toLowerCase();
  let shown = 0;
  for (const race of races) {
    const found = !text || (race.textContent || "").toLowerCase().includes(text);
    race.hidden = !(found && wanted.has(race.dataset.result));
    shown += Number(!race.hidden);
  }
  told.textContent = shown === races.length ? "" : `${shown} of ${races.length} shown`;
}

/** @param {HTMLElement} button */
async function copy(button) {
  const code = /** @type {HTMLElement} */ (button.previousElementSibling);
  try {
    await navigator.clipboard.writeText(code.textContent || "");
    button.textContent = "copied";
  } catch {
    // Not every browser lets a file write there: the user's own hand can.
    const selection = getSelection();
    if (selection) selection.selectAllChildren(code);
    button.textContent = "press Ctrl-C";
  }
  setTimeout(() => (button.textContent = "copy"), 2000);
}

/** Open the race that the address names. */
function open() {
  const race = races.find((one) => `#${encodeURIComponent(one.id)}` === location.hash);
  if (!race) return;
  race.hidden = false;
  for (const part of race.querySelectorAll("details")) part.open = true;
  race.scrollIntoView();
}

filters.hidden = false;
for (const button of results) {
  button.addEventListener("click", () => {
    press(button, !isPressed(button));
    show();
  });
}
words.addEventListener("input", show);
every.addEventListener("click", () => {
  press(every, !isPressed(every));
  for (const part of document.querySelectorAll("details")) part.open = isPressed(every);
});
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".copy"))) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
addEventListener("hashchange", open);
open();
