// Everything begins here, once all is read.

/** What the verdict's sentences are about can be gone to. @param {Scene} scene */
function watchSummary(scene) {
  element("summary").addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const about = /** @type {HTMLElement|null} */ (target.closest("[data-at]"));
    if (!about || target.closest("details")) return;
    event.preventDefault();
    const { at, difference, proof } = about.dataset;
    const table = /** @type {HTMLElement|null} */ (about.closest(".brackets"));
    const number = Number((table ?? about).dataset.call ?? scene.number);
    const isPair = scene.calls.length > 1;
    if (!isPair) show(scene, number);
    const call = isPair ? Math.min(number, 1) : 0;
    if (table) {
      const rows = [.../** @type {Element} */ (about.parentElement).children];
      showBracket(scene, { call, bracket: scene.calls[call].panel.brackets[rows.indexOf(about)] });
    } else if (difference) {
      const it = scene.page.differences.find((one) => one.number === Number(difference));
      if (it) scene.visit({ call: 0, difference: it });
    } else if (proof) {
      const [promise, which] = proof.split(" ").map(Number);
      const { name, proofs } = scene.page.promises[promise];
      showBroken(scene, call, { name, proof: proofs[which] });
    } else {
      const bracket = scene.calls[call].panel.brackets.find(({ onset }) => Math.abs(onset - Number(at)) < 1000);
      if (bracket) showBracket(scene, { call, bracket });
      else {
        scene.choose(null);
        scene.view.visit(Number(at));
        scene.goTo(Number(at));
      }
    }
    keepInstant(Number(at));
    bringUp();
  });
}

/** Where a promise was broken, and figures would push the picture off a small screen, they wait. */
function foldFigures(/** @type {Page} */ page) {
  const isSmall = matchMedia("(min-width: 47.5em) and (max-width: 75em)").matches;
  const figures = element("measures");
  if (figures && isSmall && page.passed === false) figures.open = false;
}

/** Look at another call of the run. @param {Scene} scene @param {number} number */
function show(scene, number) {
  scene.open(number);
  const calls = element("calls");
  if (calls) calls.value = String(number);
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
  foldFigures(scene.page);
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
  element("calls")?.addEventListener("change", () => show(scene, Number(element("calls").value)));
  element("copy").addEventListener("click", copy);
  picture.measure();
  overview.renew();
  watchLinks(scene);
  performance.mark("drawn");
}

begin();
