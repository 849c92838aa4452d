// A jsPsych plugin: a clip, and a plane of valence (across) and arousal (up) on which it is rated.
//
// The position is logged by the clip's own clock: whenever its time passes a multiple of
// 1 / rate seconds. So a stalled clip logs nothing, and a resting cursor as much as a moving one.
"use strict";

class PlaneRating {
  static info = {
    name: "plane-rating",
    version: "1.0.0",
    parameters: {
      // address of the clip; a promise of one where it is still being fetched
      source: { type: jsPsychModule.ParameterType.FUNCTION, default: undefined },
      modality: { type: jsPsychModule.ParameterType.STRING, default: "audiovisual" },
      // "overlaid", "side_by_side", or null where there is no picture
      overlay: { type: jsPsychModule.ParameterType.STRING, default: null },
      // samples per second of the clip
      rate: { type: jsPsychModule.ParameterType.FLOAT, default: 10 },
      texts: { type: jsPsychModule.ParameterType.OBJECT, default: {} },
      heading: { type: jsPsychModule.ParameterType.STRING, default: "" },
      // counts a start of the clip; gives how often it was begun before
      begun: { type: jsPsychModule.ParameterType.FUNCTION, default: () => 0 },
    },
    data: {
      duration: { type: jsPsychModule.ParameterType.FLOAT },
      plane: { type: jsPsychModule.ParameterType.OBJECT },
      inputs: { type: jsPsychModule.ParameterType.OBJECT },
      samples: { type: jsPsychModule.ParameterType.OBJECT },
      events: { type: jsPsychModule.ParameterType.OBJECT },
    },
  };

  static STEP = 0.05;

  constructor(jsPsych) {
    this.jsPsych = jsPsych;
  }

  trial(display, trial) {
    this.settings = trial;
    this.position = { x: 0, y: 0 };
    this.inputs = new Set();
    this.samples = { time: [], wall: [], valence: [], arousal: [], focus: [], stalled: [] };
    this.events = [];
    this.stalled = false;
    this.running = false;
    this.next = 0;
    this.last = 0;
    this.begun = null;
    this.listeners = [];
    this.draw(display);
    this.follow();
    this.load();
  }

  // ------------------------------------------------------------------- what is seen

  draw(display) {
    const { modality, overlay, texts, heading } = this.settings;
    const make = (tag, name, text) => {
      const element = document.createElement(tag);
      element.className = name;
      if (text) element.textContent = text;
      return element;
    };
    display.replaceChildren();
    const page = make("div", `plane-trial ${modality} ${overlay ?? "alone"}`);
    page.append(make("p", "plane-heading", heading));
    const stage = make("div", "plane-stage");
    this.media = make(modality === "music" ? "audio" : "video", "plane-media");
    Object.assign(this.media, {
      muted: modality === "visual", controls: false, playsInline: true, preload: "auto",
      disablePictureInPicture: true, disableRemotePlayback: true, tabIndex: -1,
    });
    this.plane = make("div", "plane");
    this.plane.tabIndex = 0;
    this.plane.setAttribute("role", "application");
    this.plane.setAttribute("aria-label", texts.plane_label);
    for (const side of ["top", "bottom", "left", "right"]) {
      this.plane.append(make("span", `plane-axis ${side}`, texts[`axis_${side}`]));
    }
    for (const [corner, face] of Object.entries(
      { "top-right": "😄", "top-left": "😠", "bottom-left": "😢", "bottom-right": "😌" })) {
      const sign = make("span", `plane-face ${corner}`, face);
      sign.setAttribute("aria-hidden", "true");
      this.plane.append(sign);
    }
    this.cursor = make("span", "plane-cursor");
    this.plane.append(this.cursor);
    stage.append(this.media, this.plane);
    // the menu of the browser would show the controls of the clip
    this.listen(stage, "contextmenu", (event) => event.preventDefault());
    this.readout = make("p", "plane-readout");
    this.status = make("p", "plane-status", texts.loading);
    this.status.setAttribute("role", "status");
    this.button = make("button", "jspsych-btn plane-start", texts.play);
    this.button.disabled = true;
    page.append(stage, this.readout, this.status, this.button);
    display.append(page);
    this.show();
  }

  show() {
    const { x, y } = this.position;
    this.cursor.style.left = `${50 * (x + 1)}%`;
    this.cursor.style.top = `${50 * (1 - y)}%`;
    const number = (value) => value.toFixed(2).replace("-", "\u2212");
    const { valence, arousal } = this.settings.texts;
    this.readout.textContent = `${valence} ${number(x)}, ${arousal} ${number(y)}`;
  }

  // ------------------------------------------------------------------- the position

  listen(target, type, handler, options) {
    target.addEventListener(type, handler, options);
    this.listeners.push(() => target.removeEventListener(type, handler, options));
  }

  follow() {
    const pointed = (event) => {
      if (!event.isPrimary) return; // a second finger
      const box = this.plane.getBoundingClientRect();
      this.move(
        (2 * (event.clientX - box.left)) / box.width - 1,
        1 - (2 * (event.clientY - box.top)) / box.height,
        event.pointerType || "mouse",
      );
    };
    this.listen(this.plane, "pointerdown", (event) => {
      // a finger goes on rating when it leaves the plane
      if (event.pointerType !== "mouse") this.plane.setPointerCapture(event.pointerId);
      pointed(event);
    });
    this.listen(this.plane, "pointermove", pointed);
    this.listen(this.plane, "keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const step = steps[event.key];
      if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const size = PlaneRating.STEP * (event.shiftKey ? 4 : 1);
      this.move(this.position.x + size * step[0], this.position.y + size * step[1], "keyboard");
    });
    this.listen(window, "blur", () => this.note("focus_lost"));
    this.listen(window, "focus", () => this.note("focus_gained"));
    this.listen(document, "visibilitychange", () => {
      this.note(document.hidden ? "hidden" : "visible");
      this.goOn();
    });
  }

  move(x, y, input) {
    const limited = (value) => Math.min(1, Math.max(-1, value));
    this.position = { x: limited(x), y: limited(y) };
    if (this.running) this.inputs.add(input);
    this.show();
  }

  // ------------------------------------------------------------------- the clip

  async load() {
    const { texts } = this.settings;
    const watch = {
      waiting: () => this.stall(true),
      playing: () => this.stall(false),
      // the clip goes on, at its own speed and place, whatever keys of the keyboard say
      pause: () => {
        if (this.media.ended) return;
        this.note("paused");
        this.goOn();
      },
      // a clip that plays never seeks: whatever does not lead back to where it was is refused
      seeking: () => {
        if (Math.abs(this.media.currentTime - this.last) < 1e-3) return;
        this.note("seek_refused");
        this.media.currentTime = this.last;
      },
      ratechange: () => {
        if (this.media.playbackRate === 1) return;
        this.note("speed_refused");
        this.media.playbackRate = 1;
      },
      ended: () => this.finish(),
      error: () => this.fail(),
    };
    for (const [type, handler] of Object.entries(watch)) this.listen(this.media, type, handler);
    // the whole clip is there already; some phones load no more than this before they play
    this.listen(this.media, "loadedmetadata", () => {
      if (this.running || this.done) return;
      this.button.disabled = false;
      this.status.textContent = texts.ready;
    });
    this.listen(this.button, "click", () => this.start());
    try {
      this.media.src = await this.settings.source();
    } catch {
      this.fail();
    }
  }

  fail() {
    if (this.done) return;
    this.running = false;
    clearInterval(this.timer);
    for (const stop of this.listeners) stop();
    const { texts } = this.settings;
    this.status.textContent = texts.media_failed;
    this.button.hidden = false;
    this.button.disabled = false;
    this.button.textContent = texts.try_again;
    this.button.onclick = () => this.trial(this.jsPsych.getDisplayElement(), this.settings);
  }

  async start() {
    if (this.running) return;
    this.running = true;
    this.button.hidden = true;
    this.status.textContent = "";
    this.plane.focus();
    if (!this.samples.time.length) {
      this.begun = performance.now();
      this.started = new Date().toISOString();
      for (let n = this.settings.begun?.() ?? 0; n > 0; n -= 1) this.note("begun_before");
      this.sample(0);
    }
    // more often than the rate, also in a window that is not drawn
    this.timer = setInterval(() => this.tick(), Math.min(20, 250 / this.settings.rate));
    try {
      await this.media.play();
    } catch {
      this.again();
    }
  }

  // A clip that was stopped plays again: at once, or when it can be seen.
  goOn() {
    if (this.running && this.media.paused && !document.hidden) {
      this.media.play().catch(() => this.again());
    }
  }

  // The browser wants another click before it plays.
  again() {
    if (this.done) return;
    this.running = false;
    clearInterval(this.timer);
    this.button.hidden = false;
    this.button.focus();
  }

  stall(stalled) {
    if (!this.running || stalled === this.stalled) return;
    this.stalled = stalled;
    this.note(stalled ? "stalled" : "resumed");
  }

  // ------------------------------------------------------------------- the log

  tick() {
    if (this.media.seeking) return;
    this.last = this.media.currentTime;
    if (this.last >= this.next) this.sample(this.last);
  }

  sample(time) {
    const log = this.samples;
    if (log.time.length && time <= log.time.at(-1)) return;
    const round = (value, digits) => Number(value.toFixed(digits));
    log.time.push(round(time, 4));
    log.wall.push(Math.round(performance.now() - this.begun));
    log.valence.push(round(this.position.x, 5));
    log.arousal.push(round(this.position.y, 5));
    log.focus.push(document.hasFocus() && !document.hidden ? 1 : 0);
    log.stalled.push(this.stalled ? 1 : 0);
    this.next = (Math.floor(time * this.settings.rate + 1e-6) + 1) / this.settings.rate;
  }

  note(type) {
    if (this.begun === null) return;
    this.events.push({
      type,
      time: Number(this.media.currentTime.toFixed(4)),
      wall: Math.round(performance.now() - this.begun),
    });
  }

  finish() {
    if (this.done) return;
    this.done = true;
    clearInterval(this.timer);
    this.sample(this.media.currentTime);
    for (const stop of this.listeners) stop();
    const box = this.plane.getBoundingClientRect();
    const duration = Number(this.media.duration.toFixed(4));
    this.media.removeAttribute("src");
    this.jsPsych.finishTrial({
      started: this.started,
      duration,
      rate: this.settings.rate,
      plane: { width: Math.round(box.width), height: Math.round(box.height) },
      inputs: [...this.inputs].sort(),
      samples: this.samples,
      events: this.events,
    });
  }
}
