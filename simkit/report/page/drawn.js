// What is drawn anew whenever something is another, once a frame however often it is asked.

class Drawn {
  constructor() {
    this.isAsked = false;
  }

  /** Draw with the next frame. */
  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.draw();
    });
  }

  draw() {}
}
