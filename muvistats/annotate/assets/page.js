// The study: what is shown in which order, and where each finished part goes.
"use strict";

// Every text that is put into the page passes here, so that none is taken for markup.
const escape = (text) =>
  String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

// ------------------------------------------------------------------- what is kept in the browser

class Store {
  constructor(study) {
    this.prefix = `muvistats:${study}:`;
    this.memory = new Map();
  }

  get(name, otherwise = null) {
    let text = this.memory.get(name);
    if (text === undefined) {
      try {
        text = localStorage.getItem(this.prefix + name);
      } catch { /* a browser that keeps nothing */ }
    }
    return text === null || text === undefined ? otherwise : JSON.parse(text);
  }

  // Whether it will be there after a reload: a browser may keep nothing, or its store be full.
  set(name, value) {
    const text = JSON.stringify(value);
    try {
      localStorage.setItem(this.prefix + name, text);
      this.memory.delete(name);
      return true;
    } catch {
      this.memory.set(name, text);
      return false;
    }
  }

  // Names of what is kept, by this page and by others of the same participant.
  names() {
    let kept = [];
    try {
      kept = Object.keys(localStorage);
    } catch { /* a browser that keeps nothing */ }
    const own = kept.filter((name) => name.startsWith(this.prefix))
      .map((name) => name.slice(this.prefix.length));
    return [...new Set([...own, ...this.memory.keys()])];
  }

  remove(name) {
    this.memory.delete(name);
    try {
      localStorage.removeItem(this.prefix + name);
    } catch { /* nothing was kept */ }
  }

  clear() {
    for (const name of this.names()) this.remove(name);
  }
}

// ------------------------------------------------------------------- where finished parts go

// Parts wait in the store until the server has them; nothing is lost by a reload or a lost network,
// or by a second page of the same participant.
class Sender {
  constructor(store, session, gone) {
    this.store = store;
    this.session = session;
    this.gone = gone;
    this.sending = null;
    setInterval(() => this.flush(), 5000);
    addEventListener("online", () => this.flush());
  }

  // Names of the parts that wait, in order.
  get names() {
    return this.store.names().filter((name) => name.startsWith("part:"))
      .map((name) => name.slice("part:".length))
      .sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  }

  part(name) {
    return this.store.get(`part:${name}`);
  }

  // What another page of this participant finished first stays.
  add(name, part) {
    if (this.part(name) === null && !this.store.set(`part:${name}`, part)) {
      document.body.classList.add("unkept");
    }
    return this.flush();
  }

  // Sends what waits; parts that the server refuses stay, to be saved as a file.
  flush() {
    if (!this.session.online || this.session.withdrawn) return Promise.resolve();
    this.sending ??= this.send().finally(() => { this.sending = null; });
    return this.sending;
  }

  async send() {
    for (const name of this.names) {
      const { participant, token } = this.session;
      const part = this.part(name);
      if (part === null) continue; // another page has sent it
      let answer;
      try {
        answer = await post("api/save", { participant, token, part });
      } catch {
        document.body.classList.add("offline");
        return;
      }
      document.body.classList.remove("offline");
      if (await refusal(answer) === "no_key") return this.gone();
      if (!answer.ok) continue;
      this.session.done.push(part.kind === "trial" ? part.trial : part.kind);
      this.store.remove(`part:${name}`);
    }
    if (!this.names.length) document.body.classList.remove("unkept");
  }

  everything() {
    return {
      format: 1,
      study: this.session.study,
      participant: this.session.participant,
      parts: this.names.map((name) => this.part(name)),
    };
  }
}

const post = (address, value) =>
  fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
    cache: "no-store",
  });

// Why a server of ours refuses, in its word; other servers have none.
const refusal = async (answer) =>
  (answer.ok ? null : (await answer.clone().json().catch(() => null))?.error);

// ------------------------------------------------------------------- who takes part

// A server of `muvistats annotate serve` gives out lists; with any other, the address names one.
// The browser makes its own key and keeps it first: an answer that is lost costs no list.
// Somebody whom the server knew and knows no more has withdrawn: no list is taken for them again.
async function begin(study, store) {
  const asked = new URLSearchParams(location.search).get("participant");
  const place = asked === null ? "session" : `session:${asked}`;
  const mine = store.get(place) ?? { participant: asked, token: newToken() };
  if (mine.withdrawn) return { ...mine, place };
  store.set(place, mine);
  let answer;
  try {
    answer = await post("api/start", { study: study.id, ...mine });
  } catch {
    throw new Error(study.texts.no_server);
  }
  if (answer.headers.get("X-Muvistats") === null) {
    // a proxy before a server that is down is no other web server
    if ([502, 503, 504].includes(answer.status)) throw new Error(study.texts.no_server);
    const participant = asked ?? "";
    if (!Object.hasOwn(study.lists, participant)) {
      throw new Error(`${study.texts.unknown_participant} ${participant}`);
    }
    return { study: study.id, ...mine, online: false, done: [] };
  }
  const error = await refusal(answer);
  if (error === "no_key") return { ...mine, place, withdrawn: true };
  if (!answer.ok) throw new Error(whyNot(study.texts, error, asked));
  const given = await answer.json();
  store.set(place, { participant: given.participant, token: mine.token, given: true });
  return { study: study.id, ...mine, ...given, place, online: true };
}

const whyNot = (texts, error, asked) =>
  (texts[error] ?? texts.no_server) + (error === "unknown_participant" ? ` ${asked}` : "");

const newToken = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");

// ------------------------------------------------------------------- clips

// Clips are fetched whole before they play, the next one while the last is rated.
class Clips {
  constructor() {
    this.fetched = new Map();
  }

  fetch(address) {
    if (!this.fetched.has(address)) {
      const clip = fetch(address).then(async (answer) => {
        if (!answer.ok) throw new Error(answer.status);
        return URL.createObjectURL(await answer.blob());
      });
      clip.catch(() => this.fetched.delete(address));
      this.fetched.set(address, clip);
    }
    return this.fetched.get(address);
  }

  async forget(address) {
    const clip = this.fetched.get(address);
    this.fetched.delete(address);
    try {
      URL.revokeObjectURL(await clip);
    } catch { /* was never there */ }
  }
}

// ------------------------------------------------------------------- pages

class Pages {
  constructor(study, session, sender, store) {
    Object.assign(this, { study, session, sender, store, texts: study.texts, clips: new Clips() });
    this.trials = study.lists[session.participant];
  }

  text(name, values = {}) {
    return this.texts[name].replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
  }

  // Title and paragraphs with a button to go on.
  message(name, values = {}, more = {}) {
    const paragraphs = this.text(name, values).split("\n\n").map((p) => `<p>${escape(p)}</p>`);
    return {
      type: jsPsychHtmlButtonResponse,
      stimulus: `<section class="page"><h1>${escape(this.texts[`${name}_title`])}</h1>` +
        `${paragraphs.join("")}${more.html ?? ""}</section>`,
      choices: [escape(more.button ?? this.texts.continue)],
      ...more.trial,
    };
  }

  form(title, html, more = {}) {
    return {
      type: jsPsychSurveyHtmlForm,
      html: `<section class="page"><h1>${escape(this.texts[title])}</h1>${html}</section>`,
      button_label: escape(this.texts.continue),
      dataAsArray: true,
      ...more,
    };
  }

  radios(name, question, answers) {
    const each = answers.map(([value, text]) =>
      `<label><input type="radio" name="${name}" value="${value}" required> ` +
      `${escape(this.texts[text])}</label>`);
    return `<fieldset class="row"><legend>${escape(this.texts[question])}</legend>` +
      `${each.join("")}</fieldset>`;
  }

  consent() {
    const paragraphs = this.texts.consent.split("\n\n").map((p) => `<p>${escape(p)}</p>`);
    const number = `${escape(this.texts.participant)} <b>${escape(this.session.participant)}</b>`;
    return this.form("consent_title",
      `${paragraphs.join("")}<p>${number}</p><p><label>` +
      `<input type="checkbox" name="consent" required> ${escape(this.texts.consent_agree)}</label></p>`,
      { on_finish: () => { this.agreed = new Date().toISOString(); this.fullScreen(); } });
  }

  fullScreen() {
    if (this.study.full_screen) document.documentElement.requestFullscreen?.().catch(() => {});
  }

  about() {
    const number = (name, most) =>
      `<p><label>${escape(this.texts[name])} ` +
      `<input type="number" name="${name}" min="0" max="${most}" step="1" required></label></p>`;
    const genders = ["female", "male", "other", "unsaid"].map((g) => [g, `gender_${g}`]);
    return this.form("about_title",
      number("age", 120) + this.radios("gender", "gender", genders) + number("training", 100), {
        on_load: () => {
          const [age, training] = ["age", "training"].map((name) =>
            document.querySelector(`[name=${name}]`));
          age.addEventListener("input", () => { training.max = Math.min(100, age.value || 100); });
        },
        on_finish: (data) => {
          const said = Object.fromEntries(data.response.map(({ name, value }) => [name, value]));
          this.sender.add("personal", {
            kind: "personal",
            consent: this.agreed,
            age: Number(said.age),
            gender: said.gender,
            years_of_training: Number(said.training),
          });
        },
      });
  }

  sound() {
    const count = 2 + Math.floor(Math.random() * 4);
    let playing = false;
    const play = () => {
      if (playing) return; // tones of two at once cannot be counted
      playing = true;
      const context = new AudioContext();
      for (let n = 0; n < count; n += 1) {
        const tone = context.createOscillator();
        const volume = context.createGain();
        volume.gain.value = 0.2;
        tone.connect(volume).connect(context.destination);
        tone.start(context.currentTime + 0.6 * n);
        tone.stop(context.currentTime + 0.6 * n + 0.25);
      }
      setTimeout(() => { playing = false; context.close(); }, 600 * count + 500);
    };
    const numbers = [2, 3, 4, 5].map((n) =>
      `<label><input type="radio" name="tones" value="${n}" required> ${n}</label>`);
    return this.form("sound_title",
      `<p>${escape(this.texts.sound)}</p><p><button type="button" class="jspsych-btn" ` +
      `id="tones" data-count="${count}">${escape(this.texts.sound_play)}</button></p>` +
      `<fieldset class="row"><legend>${escape(this.texts.sound_question)}</legend>` +
      `${numbers.join("")}</fieldset>`, {
        on_load: () => {
          document.getElementById("tones").addEventListener("click", play);
          const answers = [...document.querySelectorAll("[name=tones]")];
          const check = () => {
            const right = answers.some((each) => each.checked && Number(each.value) === count);
            const some = answers.some((each) => each.checked);
            answers[0].setCustomValidity(some && !right ? this.texts.sound_wrong : "");
          };
          for (const each of answers) each.addEventListener("change", check);
        },
      });
  }

  // How often a trial was begun before: by another page, before a reload, or before the clip failed.
  begun({ trial }) {
    const before = trial ? this.store.get(`begun:${trial}`, 0) : 0;
    if (trial) this.store.set(`begun:${trial}`, before + 1);
    return before;
  }

  rating(clip, heading) {
    return {
      type: PlaneRating,
      source: () => this.clips.fetch(clip.file),
      modality: clip.modality,
      overlay: clip.overlay,
      rate: this.study.rate,
      texts: this.texts,
      heading,
      begun: () => this.begun(clip),
    };
  }

  // Familiarity, and words by category; the record of the trial is whole when both are there.
  labels(done) {
    const groups = new Map();
    this.study.labels.forEach((label, n) => {
      const upper = label.superfactor ?? "";
      const lower = label.category ?? "";
      if (!groups.has(upper)) groups.set(upper, new Map());
      if (!groups.get(upper).has(lower)) groups.get(upper).set(lower, []);
      groups.get(upper).get(lower).push([n, label.label_name]);
    });
    const title = (text) => escape(text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " "));
    const word = ([n, name]) =>
      `<label><input type="checkbox" name="label" value="${n}"> ${escape(name)}</label>`;
    const html = [...groups].map(([upper, lowers]) =>
      `<div class="superfactor">${upper ? `<h2>${title(upper)}</h2>` : ""}<div class="categories">` +
      [...lowers].map(([lower, words]) =>
        `<fieldset>${lower && `<legend>${title(lower)}</legend>`}${words.map(word).join("")}` +
        "</fieldset>").join("") +
      "</div></div>").join("");
    return this.form("labels_title",
      this.radios("familiar", "familiar", [["1", "yes"], ["0", "no"]]) +
      `<p id="choose">${escape(this.texts.labels)}</p>` +
      `<div role="group" aria-labelledby="choose" class="labels">${html}</div>`, {
        on_load: () => {
          scrollTo(0, 0);
          const boxes = [...document.querySelectorAll("[name=label]")];
          const check = () => boxes[0]?.setCustomValidity(
            boxes.some((box) => box.checked) ? "" : this.texts.labels_missing);
          for (const box of boxes) box.addEventListener("change", check);
          check();
        },
        on_finish: (data) => {
          const chosen = data.response.filter(({ name }) => name === "label");
          const familiar = data.response.find(({ name }) => name === "familiar");
          done({
            labels: chosen.map(({ value }) => this.study.labels[Number(value)].label),
            familiar: familiar.value === "1",
          });
        },
      });
  }

  trial(clip, heading, done, following) {
    let rated;
    const rating = {
      ...this.rating(clip, heading),
      on_load: () => { if (following) this.clips.fetch(following.file).catch(() => {}); },
      on_finish: (data) => {
        rated = data;
        this.clips.forget(clip.file);
      },
    };
    const form = this.labels((answers) => {
      const kept = Object.fromEntries(
        ["started", "duration", "rate", "plane", "inputs", "samples", "events"]
          .map((name) => [name, rated[name]]));
      done({ ...kept, ...answers });
    });
    return [rating, form];
  }

  instructions() {
    const pages = [this.message("instructions")];
    for (const example of this.study.examples) {
      const quadrant = this.texts[`quadrant_${example.quadrant}`];
      pages.push({
        type: jsPsychHtmlButtonResponse,
        stimulus: `<section class="page"><h1>${escape(this.text("example", { quadrant }))}</h1>` +
          "<p><video class=\"example\" controls playsinline></video></p></section>",
        choices: [escape(this.texts.continue)],
        on_load: () => {
          const video = document.querySelector("video.example");
          this.clips.fetch(example.file).then((clip) => { video.src = clip; })
            .catch(() => video.replaceWith(this.texts.media_failed));
        },
        on_finish: () => this.clips.forget(example.file),
      });
    }
    return pages;
  }

  practice() {
    const clips = this.study.practice;
    if (!clips.length) return [];
    const trials = clips.flatMap((clip, n) =>
      this.trial(clip, this.text("practice_trial", { n: n + 1, total: clips.length }),
        () => {}, clips[n + 1]));
    return [this.message("practice"), ...trials];
  }

  // Trials that nobody has rated yet.
  left() {
    const done = new Set([...this.session.done, ...this.sender.names
      .map((name) => this.sender.part(name)).filter((part) => part?.kind === "trial")
      .map((part) => part.trial)]);
    return this.trials.filter((trial) => !done.has(trial.trial));
  }

  // What is left of the list, with pauses.
  list(jsPsych) {
    const left = this.left();
    const total = this.trials.length;
    return left.flatMap((trial, n) => {
      const { pause_every: every } = this.study;
      const rests = every && n && (trial.trial - 1) % every === 0;
      const steps = this.trial(
        { ...trial, file: this.study.media[trial.item] },
        this.text("trial", { n: trial.trial, total }),
        (record) => {
          const { participant } = this.session;
          this.sender.add(`trial-${trial.trial}`, { kind: "trial", participant, ...trial, ...record });
          jsPsych.progressBar.progress = (total - left.length + n + 1) / total;
        },
        left[n + 1] && { file: this.study.media[left[n + 1].item] });
      return rests ? [this.message("pause", { n: trial.trial - 1, total }), ...steps] : steps;
    });
  }

  preference() {
    const shown = new Set(this.trials.map((trial) => trial.overlay).filter(Boolean));
    if (shown.size < 2) return [];
    const answers = [["side_by_side", "side_by_side"], ["overlaid", "overlaid"]];
    return [this.form("preference_title", this.radios("overlay", "preference", answers), {
      on_finish: (data) => {
        this.sender.add("final", { kind: "final", overlay_preference: data.response[0].value });
      },
    })];
  }

  timeline(jsPsych) {
    const has = (name) => this.session.done.includes(name) || this.sender.names.includes(name);
    const list = this.list(jsPsych);
    const steps = [];
    if (!has("personal")) steps.push(this.consent(), this.about());
    if (list.length) {
      if (this.trials.some((trial) => trial.modality !== "visual")) steps.push(this.sound());
      // whoever comes back knows how it goes
      if (!this.trials.some((trial) => has(trial.trial) || has(`trial-${trial.trial}`))) {
        steps.push(...this.instructions(), ...this.practice());
      }
      const total = this.trials.length;
      const ready = this.message("begin", { total }, { trial: {
        on_load: () => { jsPsych.progressBar.progress = (total - this.left().length) / total; },
        on_finish: () => this.fullScreen(),
      } });
      steps.push(ready, ...list);
    }
    if (!has("final")) steps.push(...this.preference());
    return steps;
  }

  // After the last page: everything is sent, or offered as a file.
  async end(element) {
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    const show = (name, button) => {
      if (this.session.withdrawn) return;
      const section = say(element, this.texts.end_title, this.texts[name], "status");
      if (!button) return;
      const file = new Blob([JSON.stringify(this.sender.everything())], { type: "application/json" });
      const link = Object.assign(document.createElement("a"), {
        href: URL.createObjectURL(file), className: "jspsych-btn save",
        download: `${this.session.participant}.json`, textContent: this.texts.save_file,
      });
      section.append(link);
    };
    if (!this.session.online) {
      if (!this.study.post) return show("end_file", true);
      if (this.store.get("posted") === this.sender.names.length) return show("end");
      show("sending");
      const sent = await post(this.study.post, this.sender.everything()).catch(() => null);
      if (!sent?.ok) return show("not_sent", true);
      this.store.set("posted", this.sender.names.length);
      return show("end");
    }
    show("sending");
    for (let tries = 0; this.sender.names.length && tries < 12; tries += 1) {
      await this.sender.flush();
      if (this.sender.names.length) await new Promise((wait) => setTimeout(wait, 1000 + 500 * tries));
    }
    return this.sender.names.length ? show("not_sent", true) : show("end");
  }
}

// A page without jsPsych: after the last, or where there is none.
function say(element, title, text, role) {
  element.classList.add("jspsych-display-element");
  element.innerHTML = `<section class="page"><h1>${escape(title)}</h1>` +
    `<p role="${role}">${escape(text)}</p></section>`;
  return element.firstChild;
}

// Nothing of somebody who has withdrawn stays in the browser, and it says so.
function withdraw(element, texts, browser, store, session) {
  const { place, participant } = session;
  session.withdrawn = true;
  store.clear();
  browser.set(place, { participant, withdrawn: true });
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  document.body.classList.remove("offline", "unkept");
  for (const clip of document.querySelectorAll("audio, video")) {
    clip.removeAttribute("src");
    clip.load();
  }
  const section = say(element, texts.withdrawn_title, texts.withdrawn, "alert");
  const anew = document.createElement("button");
  Object.assign(anew, { className: "jspsych-btn", textContent: texts.begin_anew });
  anew.addEventListener("click", () => {
    browser.remove(place);
    location.reload();
  });
  section.append(anew);
}

(async () => {
  const element = document.getElementById("study");
  try {
    const study = await (await fetch("study.json", { cache: "no-store" })).json();
    document.documentElement.lang = study.texts.language;
    document.title = study.texts.title;
    for (const name of ["offline", "unkept"]) {
      document.getElementById(name).textContent = study.texts[name];
    }
    const browser = new Store(study.id);
    const session = await begin(study, browser);
    const store = new Store(`${study.id}:of:${encodeURIComponent(session.participant)}`);
    const gone = () => withdraw(element, study.texts, browser, store, session);
    if (session.withdrawn) return gone();
    const sender = new Sender(store, session, gone);
    await sender.flush();
    if (session.withdrawn) return;
    const pages = new Pages(study, session, sender, store);
    const jsPsych = initJsPsych({
      display_element: element,
      show_progress_bar: true,
      auto_update_progress_bar: false,
      message_progress_bar: "",
      on_finish: () => pages.end(element),
    });
    const steps = pages.timeline(jsPsych);
    if (steps.length) await jsPsych.run(steps);
    else await pages.end(element);
  } catch (problem) {
    say(element, document.title, problem.message, "alert");
  }
})();
