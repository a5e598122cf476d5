// The sound: the caller's mouth on the left, the ear on the right.

class Player {
  /** @param {Scene} scene */
  constructor(scene) {
    this.scene = scene;
    this.button = element("play");
    this.audio = new Audio();
    this.audio.preload = "auto";
    /** Which call's sound is loaded. */
    this.loaded = -1;
    /** @type {{mouth: GainNode, ear: GainNode}|null} */
    this.ears = null;
    /** Which of the calls that are drawn is played; -1: none has sound. */
    this.number = -1;
    scene.addEventListener("calls", () => this.offer());
    scene.addEventListener("cursor", () => {
      this.show();
      if (this.loaded >= 0) this.seek();
    });
    this.watch();
    this.offer();
    this.show();
  }

  watch() {
    const { audio, button } = this;
    button.addEventListener("click", () => this.toggle());
    element("speed").addEventListener("change", () => (audio.playbackRate = Number(element("speed").value)));
    element("ears").addEventListener("change", () => this.solo());
    const which = element("which");
    which.addEventListener("change", () => {
      const isPlaying = !audio.paused;
      this.number = Number(which.value);
      if (isPlaying) this.play();
    });
    for (const what of ["play", "pause", "ended"]) audio.addEventListener(what, () => this.shown());
    audio.addEventListener("error", () => notify("this browser cannot play the sound of this page"));
  }

  /** What can be played of what is drawn. */
  offer() {
    this.audio.pause();
    this.loaded = -1;
    const calls = this.scene.calls.filter((call) => call.panel.sound);
    this.number = calls[0]?.number ?? -1;
    for (const id of ["play", "speed", "ears"]) element(id).disabled = this.number < 0;
    this.button.title = this.number < 0 ? "There is no sound" : "Play (space)";
    const which = element("which");
    which.hidden = calls.length < 2;
    which.replaceChildren(
      ...calls.map(({ panel, number }) => make("option", { value: String(number) }, panel.title)),
    );
  }

  /** When the sound begins. */
  get start() {
    return this.scene.calls[this.number]?.panel.sound?.start ?? 0;
  }

  toggle() {
    if (this.number < 0) notify("there is no sound");
    else if (this.audio.paused) this.play();
    else this.audio.pause();
  }

  async play() {
    const { audio, scene } = this;
    if (this.loaded !== this.number) this.load();
    if (scene.cursor >= scene.calls[this.number].panel.duration - 20_000) scene.goTo(0);
    this.seek();
    audio.playbackRate = Number(element("speed").value);
    try {
      await audio.play();
    } catch (error) {
      notify(`the sound does not play: ${error}`);
    }
  }

  load() {
    const sound = /** @type {Sound} */ (this.scene.calls[this.number].panel.sound);
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    this.audio.src = URL.createObjectURL(new Blob([bytes(sound.data)], { type: sound.mime }));
    this.loaded = this.number;
  }

  seek() {
    const t = Math.max(0, this.scene.cursor - this.start) / 1e6;
    if (Math.abs(this.audio.currentTime - t) > 0.005) this.audio.currentTime = t;
  }

  /** Let one side be heard alone, on both ears. */
  solo() {
    const which = element("ears").value;
    if (!this.ears) {
      const context = new AudioContext();
      const splitter = context.createChannelSplitter(2);
      context.createMediaElementSource(this.audio).connect(splitter);
      const merger = context.createChannelMerger(2);
      merger.connect(context.destination);
      const gain = (/** @type {number} */ channel) => {
        const node = context.createGain();
        splitter.connect(node, channel);
        return node;
      };
      this.ears = { mouth: gain(0), ear: gain(1) };
      this.merger = merger;
      this.context = context;
    }
    const { mouth, ear } = this.ears;
    const merger = /** @type {ChannelMergerNode} */ (this.merger);
    mouth.disconnect();
    ear.disconnect();
    if (which !== "ear") for (const side of which === "mouth" ? [0, 1] : [0]) mouth.connect(merger, 0, side);
    if (which !== "mouth") for (const side of which === "ear" ? [0, 1] : [1]) ear.connect(merger, 0, side);
    this.context?.resume();
  }

  /** The button and the cursor follow what is played. */
  shown() {
    const isPlaying = !this.audio.paused && !this.audio.ended;
    this.button.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    const path = isPlaying ? "M4.5 3h2.5v10H4.5zM9 3h2.5v10H9z" : "M4.5 2.8v10.4l8.5-5.2z";
    this.button.querySelector("path").setAttribute("d", path);
    const step = () => {
      this.scene.goTo(this.start + this.audio.currentTime * 1e6, true);
      this.scene.view.follow(this.scene.cursor);
      this.show();
      if (!this.audio.paused) requestAnimationFrame(step);
    };
    if (isPlaying) requestAnimationFrame(step);
  }

  show() {
    element("clock").textContent = seconds(this.scene.cursor);
  }
}
