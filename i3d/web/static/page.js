"use strict";
// Sends the form as a job, asks for its state until it has ended, and shows the result. Texts of
// others are set as text, never as HTML.

const POLL_MS = 500;
const part = (id) => document.getElementById(id);
const form = part("form"), input = part("video"), drop = part("drop");
let job = null;      // id of the job that runs
let sending = null;  // AbortController of the upload
let stopped = false; // whether the visitor has cancelled
let shown = [];      // object URLs of the result

function chosen() {
  return input.files[0];
}

function tell(text) {
  part("status").textContent = text;
}

function fail(text) {
  tell("");
  part("error").textContent = text;
}

function busy(is) {
  part("go").disabled = is;
  part("cancel").hidden = !is;
}

async function answer(response) {
  let body = {};
  try { body = await response.json(); } catch { /* told below */ }
  if (!response.ok) throw new Error(body.error || `the server answered ${response.status}`);
  return body;
}

async function run(file) {
  const most = Number(form.dataset.mostBytes);
  if (file.size > most) throw new Error(`${file.name}: expected at most ${most / 1e6} MB`);
  if (!form.querySelector("input[name=model]:checked")) throw new Error("choose a network");
  tell("Sending the video ...");
  sending = new AbortController();
  const options = { method: "POST", body: new FormData(form), signal: sending.signal };
  let state = await answer(await fetch("/jobs", options));
  job = state.job;
  while (!("result" in state)) {
    if (state.error) throw new Error(state.error);
    tell(state.place ? `Waiting: ${state.place} before this one.` : "Working ...");
    await new Promise((resume) => setTimeout(resume, POLL_MS));
    if (stopped) return;
    state = await answer(await fetch(`/jobs/${job}`));
  }
  show(state, file);
}

function show(state, file) {
  shown.forEach(URL.revokeObjectURL);
  const text = JSON.stringify(state.result, null, 1) + "\n";
  shown = [URL.createObjectURL(file), URL.createObjectURL(new Blob([text]))];
  const [{ video, predictions }] = state.result;
  part("caption").textContent = `Best classes of ${video}`;
  part("rows").replaceChildren(...predictions.map(row));
  part("spans").replaceChildren(...(state.timeline || []).map(span));
  part("timeline").hidden = !state.timeline;
  const pictures = state.pictures || [], strips = pictures.filter((one) => one.of === "timeline");
  part("strip").replaceChildren(...strips.map(picture));
  const others = pictures.filter((one) => one.of !== "timeline");
  part("pictures").replaceChildren(...others.map(picture));
  part("download").href = shown[1];
  const preview = part("preview");
  preview.hidden = false;
  preview.src = shown[0];
  part("result").hidden = false;
  part("heading").focus();
  tell(`${predictions[0].label}, ${percent(predictions[0].score)}`);
}

function percent(score) {
  return `${(100 * score).toFixed(1)} %`;
}

function row({ label, score }) {
  const line = document.createElement("tr"), name = document.createElement("th");
  const cell = document.createElement("td"), bar = document.createElement("progress");
  name.scope = "row";
  name.textContent = label;
  bar.value = score;
  bar.setAttribute("aria-hidden", "true");
  cell.append(bar, percent(score));
  line.append(name, cell);
  return line;
}

function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function span({ start_s, end_s, label, score }) {
  const line = document.createElement("tr");
  const times = element("th", `${start_s.toFixed(1)} to ${end_s.toFixed(1)}`);
  times.scope = "row";
  line.append(times, element("td", label), element("td", percent(score)));
  return line;
}

function picture({ of, src, alt }) {
  const figure = document.createElement("figure"), image = document.createElement("img");
  figure.className = of;
  image.src = src;
  image.alt = alt;
  const caption = element("figcaption", alt);
  caption.setAttribute("aria-hidden", "true"); // the picture's own text says it
  figure.append(image, caption);
  return figure;
}

function stop() {
  stopped = true;
  if (sending) sending.abort();
  if (job) fetch(`/jobs/${job}`, { method: "DELETE", keepalive: true });
  job = sending = null;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  part("error").textContent = "";
  part("result").hidden = true;
  stopped = false;
  busy(true);
  try {
    await run(chosen());
  } catch (error) {
    if (!stopped) fail(error.message);
  }
  job = sending = null;
  busy(false);
  if (stopped) part("go").focus();
});

part("cancel").addEventListener("click", () => {
  stop();
  tell("Cancelled.");
});
window.addEventListener("pagehide", stop);
part("preview").addEventListener("error", () => { part("preview").hidden = true; });

drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
});
