// Everything begins here, once all is read.

/** What the verdict's sentences are about can be gone to. @param {Scene} scene */
function watchSummary(scene) {
  element("summary").addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const about = /** @type {HTMLElement|null} */ (target.closest("[data-at]"));
    if (!about || target.closest("details")) return;
    event.preventDefault();
    const { at, events, difference } = about.dataset;
    if (about.closest(".brackets")) {
      const tables = [...document.querySelectorAll(".brackets")];
      const call = scene.calls.filter((it) => it.panel.brackets.length)[tables.indexOf(/** @type {Element} */ (about.closest(".brackets")))];
      const rows = [.../** @type {Element} */ (about.parentElement).children];
      showBracket(scene, { call: call.number, bracket: call.panel.brackets[rows.indexOf(about)] });
    } else if (difference) {
      const number = Number(difference);
      const it = scene.page.differences.find((one) => one.number === number);
      if (it) scene.visit({ call: 0, difference: it });
    } else {
      scene.view.visit(Number(at));
      scene.choose(events ? { call: 0, event: Number(events.split(",")[0]) } : null);
      scene.goTo(Number(at));
    }
    element("call").scrollIntoView({ block: "start" });
  });
}

/** Tell what is not there. @param {Scene} scene @returns {boolean} whether there is anything to draw */
function tellNothing(scene) {
  const isEmpty = scene.calls.every(
    ({ panel }) => !panel.events.t.length && !panel.spans.length && !Object.keys(panel.waves).length,
  );
  if (!isEmpty) return true;
  const nothing = element("nothing");
  nothing.textContent = "There is nothing to show: nothing happened in this call.";
  nothing.hidden = false;
  for (const id of ["stage", "overview", "hint", "tools"]) element(id).hidden = true;
  return false;
}

function begin() {
  const scene = new Scene(readPage());
  if (!tellNothing(scene)) {
    watchTheme(() => {});
    return;
  }
  const picture = new Picture(scene);
  const overview = new Overview(scene, picture);
  const player = new Player(scene);
  const table = new Table(scene);
  const copy = () => copyLink(scene);
  watchTheme(() => {
    picture.recolour();
    overview.renew();
  });
  picture.watchPrinting();
  watchFilter(scene);
  watchHands(scene, picture, tooltip(scene, picture));
  watchChosen(scene, copy);
  watchSummary(scene);
  watchKeys(scene, { play: () => player.toggle(), table: () => table.toggle(), copy });
  element("copy").addEventListener("click", copy);
  picture.measure();
  overview.renew();
  watchLinks(scene);
  performance.mark("drawn");
}

begin();
