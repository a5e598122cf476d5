// Wheel, drag, pinch and click on the picture.

/** @param {Scene} scene @param {Picture} picture @param {(x: number, y: number, thing: Thing|null) => void} hover */
function watchHands(scene, picture, hover) {
  const { view } = scene;
  const { stage } = picture;
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  /** @type {{x: number, from: number, to: number, isMark: boolean, moved: boolean}|null} */
  let drag = null;

  const thingAt = (/** @type {number} */ x, /** @type {number} */ y, reach = 4) =>
    (x >= picture.left ? picture.sheet?.at(x, y, reach)?.thing : null) ?? null;
  const spot = (/** @type {PointerEvent|MouseEvent} */ event) => {
    const box = stage.getBoundingClientRect();
    return { x: (event.clientX - box.left) / picture.zoom, y: (event.clientY - box.top) / picture.zoom };
  };

  stage.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      const unit = event.deltaMode ? 16 : 1;
      const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
      const { x } = spot(event);
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        view.zoom(Math.exp(clamp(dy, -200, 200) * (event.deltaMode ? 0.01 : 0.004)), picture.instantAt(x));
        return;
      }
      const way = Math.abs(dx) > Math.abs(dy) ? dx : dy;
      const isMoved = view.move((way / (picture.width - picture.left)) * view.span);
      // At its end, or where all is seen, the page goes on.
      if (isMoved || Math.abs(dx) > Math.abs(dy)) event.preventDefault();
    },
    { passive: false },
  );

  stage.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button) return;
    const { x, y } = spot(event);
    fingers.set(event.pointerId, { x, y });
    const isMark = event.shiftKey || y < RULER;
    drag = { x, from: view.from, to: view.to, isMark, moved: false };
    if (fingers.size === 1) stage.setPointerCapture(event.pointerId);
    else drag.moved = true;
  });

  stage.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const here = spot(event);
    const before = fingers.get(event.pointerId);
    if (before && fingers.size === 2) {
      pinch(fingers, event.pointerId, here);
    } else if (before && drag) {
      if (Math.abs(here.x - drag.x) > 4) drag.moved = true;
      if (drag.moved && drag.isMark) {
        picture.marked = [picture.instantAt(drag.x), picture.instantAt(here.x)];
        picture.drawOver();
      } else if (drag.moved) {
        stage.classList.add("dragging");
        const us = ((drag.x - here.x) / (picture.width - picture.left)) * (drag.to - drag.from);
        view.show(drag.from + us, drag.to + us);
      }
    } else if (event.pointerType !== "touch") {
      picture.pointer = here.x;
      picture.drawOver();
      const thing = thingAt(here.x, here.y);
      stage.classList.toggle("over", thing !== null);
      hover(here.x, here.y, thing);
      return;
    }
    if (before) fingers.set(event.pointerId, here);
    hover(0, 0, null);
  });

  /** @param {typeof fingers} all @param {number} moved @param {{x: number, y: number}} here */
  function pinch(all, moved, here) {
    const [still] = [...all].filter(([id]) => id !== moved).map(([, place]) => place);
    const before = /** @type {{x: number, y: number}} */ (all.get(moved));
    const [wide, wider] = [Math.abs(before.x - still.x), Math.abs(here.x - still.x)];
    const middle = picture.instantAt((before.x + still.x) / 2);
    if (wide > 8 && wider > 8) view.zoom(wide / wider, middle);
    view.move((((before.x - here.x) / 2) / (picture.width - picture.left)) * view.span);
  }

  const letGo = (/** @type {PointerEvent} */ event) => {
    fingers.delete(event.pointerId);
    stage.classList.remove("dragging");
    const done = drag;
    if (fingers.size) return;
    drag = null;
    if (picture.marked) {
      const [a, b] = picture.marked;
      picture.marked = null;
      view.glide(Math.min(a, b), Math.max(a, b));
    } else if (done && !done.moved && event.type === "pointerup") {
      const { x, y } = spot(event);
      const thing = thingAt(x, y, event.pointerType === "touch" ? 14 : 4);
      if (thing?.broken) showBroken(scene, thing.call, thing.broken);
      else if (thing) scene.choose(scene.eventOf(thing));
      // A bracket or a span is chosen, and the instant within it is where one pointed.
      if (x >= picture.left && (!thing || thing.span)) scene.goTo(picture.instantAt(x));
    }
  };
  stage.addEventListener("pointerup", letGo);
  stage.addEventListener("pointercancel", letGo);
  stage.addEventListener("pointerleave", () => {
    picture.pointer = null;
    picture.drawOver();
    hover(0, 0, null);
  });
  stage.addEventListener("dblclick", (/** @type {MouseEvent} */ event) => {
    const { x, y } = spot(event);
    const thing = thingAt(x, y);
    if (thing?.bracket || thing?.span) {
      const [from, to] = scene.instant(thing);
      view.glide(from - (to - from) * 0.4, to + (to - from) * 0.4);
    } else view.zoom(0.4, picture.instantAt(x));
  });
}
