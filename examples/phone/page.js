// The page: a form, what waits, and what needs a look.

import * as queue from "./queue.js";
import * as store from "./store.js";

const SCALES = [
  ["mood_cognition.mood", "Mood", "worst", "best"],
  ["mood_cognition.anxiety", "Anxiety", "none", "worst"],
  ["mood_cognition.energy", "Energy", "none", "full"],
  ["sleep.quality", "Sleep last night", "worst", "best"],
];
const STATES = { "": "sending", later: "will try again", join: "join again" };
const RETRY_S = 30;
const element = (id) => document.getElementById(id);
const joinForm = element("join");
const form = element("check-in");
let trouble = "";
let retry;

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function drawScale([name, label, low, high]) {
  let chosen = null;
  form.addEventListener("reset", () => (chosen = null));
  const steps = make("div", { className: "steps" });
  for (let value = 0; value <= 10; value++) {
    const input = make("input", { type: "radio", name, value });
    // A second press takes the answer back: not answered is not zero.
    input.addEventListener("click", () => {
      input.checked = input !== chosen;
      chosen = input.checked ? input : null;
    });
    steps.append(make("label", {}, input, make("span", { textContent: value })));
  }
  const ends = make("div", { className: "ends" }, make("span", {}, low), make("span", {}, high));
  return make("fieldset", {}, make("legend", {}, label), steps, ends);
}

// Only what was answered: a domain with no answer is not sent.
function answers() {
  const body = {};
  for (const [name, text] of new FormData(form)) {
    if (text === "") continue;
    const [domain, field] = name.split(".");
    if (field) (body[domain] ??= {})[field] = Number(text);
    else body[domain] = text;
  }
  return body;
}

function age(moment) {
  const minutes = Math.floor((Date.now() - moment) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 1440)} days ago`;
}

async function draw() {
  const [token, count, sentAt] = await Promise.all([store.setting("token"), store.waiting(), store.setting("sentAt")]);
  joinForm.hidden = Boolean(token) && trouble !== "join";
  form.hidden = !token;
  const last = sentAt ? `Last sent ${age(sentAt)}` : "Nothing sent yet";
  const state = navigator.onLine ? STATES[trouble] : "no network";
  element("sync").textContent = count ? `${count} waiting to be sent (${state}). ${last}.` : `Nothing waiting. ${last}.`;
  element("sync").classList.toggle("waiting", count > 0);
  drawKept(await store.kept());
}

function why(status, problem) {
  if (status === "conflict") return "It was changed elsewhere meanwhile.";
  const faults = (problem?.errors ?? []).map(({ pointer, detail }) => {
    const where = pointer.replace(/^\/items\/\d+(\/body)?/, "").replaceAll(/[/_]/g, " ");
    return `${where.trim()}: ${detail}`;
  });
  return faults.join("; ") || problem?.title || status;
}

function drawKept(list) {
  element("kept").hidden = list.length === 0;
  element("kept").querySelector("ul").replaceChildren(
    ...list.map(({ item, status, problem }) => {
      const button = make("button", { textContent: "Put away", type: "button" });
      button.addEventListener("click", () => store.putAway(item.id).then(draw));
      return make("li", {}, `${new Date(item.client_time).toLocaleString()} · ${why(status, problem)} `, button);
    }),
  );
}

function notify(text) {
  element("notice").textContent = text;
  element("notice").hidden = false;
}

async function send() {
  clearTimeout(retry);
  if ((await store.setting("token")) == null) return;
  const outcome = await queue.send();
  trouble = outcome.state === "done" ? "" : outcome.state;
  if (outcome.notices?.length) notify(outcome.notices.at(-1));
  if (trouble === "later") retry = setTimeout(send, (outcome.retryAfter || RETRY_S) * 1000);
  await draw();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = answers();
  if (Object.keys(body).length === 0) return;
  await queue.checkIn(body);
  form.reset();
  await draw();
  await send();
});

joinForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { server, secret } = Object.fromEntries(new FormData(joinForm));
  try {
    await queue.join(server.replace(/\/+$/, ""), secret.trim());
    joinForm.reset();
    trouble = "";
  } catch {
    notify("The clinic's server did not take that. Is the code right, and the network there?");
  }
  await draw();
  await send();
});

queue.onChange((outcome) => {
  if (outcome.skew) notify("This device's clock is wrong; your answers are kept with the time it shows.");
  draw();
});
addEventListener("online", send);
addEventListener("offline", draw);
// Some phones have no background sync: coming back to the page is the moment to send.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());
setInterval(draw, 30_000);

joinForm.elements.server.defaultValue = location.origin;
element("scales").append(...SCALES.map(drawScale));
await draw();
navigator.storage?.persist?.();
await navigator.serviceWorker?.register("service-worker.js");
await send();
