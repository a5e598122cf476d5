// Links to an instant: #t=2.334

/** @returns {number|null} microseconds */
function linked() {
  const found = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  return found ? Number(found[1]) * 1e6 : null;
}

/** @param {Scene} scene */
function watchLinks(scene) {
  const follow = () => {
    const t = linked();
    if (t === null) return;
    scene.goTo(t);
    scene.view.visit(scene.cursor);
  };
  // Where the address tells of no instant, the page is as it was opened.
  addEventListener("hashchange", () => (location.hash ? follow() : openAt(scene)));
  openAt(scene);
  follow();
}

/** The browser's way back leads from here to where one was before. @param {number} t */
function keepInstant(t) {
  try {
    history.pushState(null, "", `#t=${(t / 1e6).toFixed(3)}`);
  } catch {
    // Not every browser lets a file have a history.
  }
}

/** @param {Scene} scene */
async function copyLink(scene) {
  const link = `${location.href.split("#")[0]}#t=${(scene.cursor / 1e6).toFixed(3)}`;
  try {
    history.replaceState(null, "", link);
  } catch {
    // It can be copied all the same.
  }
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    const box = make("textarea", { class: "unseen" }, link);
    document.body.append(box);
    box.select();
    const isCopied = document.execCommand("copy");
    box.remove();
    if (!isCopied) {
      notify(link);
      return;
    }
  }
  notify(`copied: the link to ${seconds(scene.cursor)}`);
}
