// Search, and what is shown at all: by kind and by leg.

/** @param {Scene} scene */
function watchFilter(scene) {
  const search = element("search");
  const choices = element("choices");
  /** @type {Set<string>} */
  const hidden = new Set();

  const apply = () => {
    const wanted = search.value.trim().toLowerCase();
    let found = 0;
    let gone = 0;
    for (const call of scene.calls) {
      const { t, line } = call.panel.events;
      call.found = wanted ? new Uint8Array(t.length) : null;
      for (let i = 0; i < t.length; i++) {
        const isShown = !hidden.has(`kind ${call.kind(i)}`) && !hidden.has(`leg ${legOf(call, i)}`);
        call.shown[i] = Number(isShown);
        if (!isShown) gone++;
        else if (call.found && line[i].toLowerCase().includes(wanted)) {
          call.found[i] = 1;
          found++;
        }
      }
    }
    element("hits").textContent = wanted ? `${found} found` : "";
    element("hidden").textContent = gone ? `−${gone}` : "";
    scene.tell("filter");
  };

  const offer = () => {
    const counted = new Map();
    hidden.clear();
    choices.replaceChildren();
    for (const call of scene.calls) {
      for (let i = 0; i < call.panel.events.t.length; i++) {
        for (const key of [`leg ${legOf(call, i)}`, `kind ${call.kind(i)}`]) {
          counted.set(key, (counted.get(key) ?? 0) + 1);
        }
      }
    }
    for (const group of ["leg", "kind"]) {
      const names = [...counted.keys()].filter((key) => key.startsWith(`${group} `)).sort();
      const boxes = names.map((key) => {
        const box = make("input", { type: "checkbox", checked: "" });
        box.addEventListener("change", () => {
          if (box.checked) hidden.delete(key);
          else hidden.add(key);
          apply();
        });
        return make("label", {}, box, make("bdi", {}, key.slice(group.length + 1)), make("span", {}, String(counted.get(key))));
      });
      choices.append(make("fieldset", {}, make("legend", {}, group === "leg" ? "Legs" : "Kinds"), ...boxes));
    }
    const every = make("button", { type: "button" }, "All or none");
    every.addEventListener("click", () => {
      const isNone = hidden.size > 0;
      for (const box of choices.querySelectorAll("input")) box.checked = isNone;
      if (isNone) hidden.clear();
      else for (const key of counted.keys()) if (key.startsWith("kind ")) hidden.add(key);
      if (!isNone) for (const box of choices.querySelectorAll("fieldset:first-of-type input")) box.checked = true;
      apply();
    });
    choices.append(every);
  };
  offer();
  scene.addEventListener("calls", () => {
    offer();
    apply();
  });

  search.addEventListener("input", apply);
  search.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") nextEvent(scene, event.shiftKey ? -1 : 1);
    if (event.key === "Escape" && search.value) {
      search.value = "";
      apply();
    }
  });
  addEventListener("click", (event) => {
    const filter = element("filter");
    if (filter.open && !filter.contains(/** @type {Node} */ (event.target))) filter.open = false;
  });
}

/** @param {Call} call @param {number} i @returns {string} */
function legOf(call, i) {
  const { source, target } = call.panel.events;
  if (target[i] < 0) return call.lane(source[i]);
  return [source[i], target[i]].sort((a, b) => a - b).map((lane) => call.lane(lane)).join(" ↔ ");
}
