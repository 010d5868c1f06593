// Sends what waits, by POST /v1/sync: the oldest first, each item until the server has said what
// became of it. Sending again is harmless, since every item has an id of its own; so whatever is
// doubtful (no answer, 401, 429, 5xx) stays in the queue and is sent again.

import * as store from "./store.js";

const MOST = 100; // items in one call; the server takes 500
const channel = new BroadcastChannel("check-in");

// A UUID of version 7: the time first, so that ids lie in the order of entry.
export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(Date.now()) << 16n) | BigInt(0x7000 | ((bytes[6] & 15) << 8) | bytes[7]));
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

// The moment now with this device's offset, which is clinical: whose morning it was.
export function localMoment(now = new Date()) {
  const offset = -now.getTimezoneOffset();
  const there = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const [hours, minutes] = [Math.trunc(Math.abs(offset) / 60), Math.abs(offset) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return `${there}${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}

export function onChange(listener) {
  channel.addEventListener("message", (event) => listener(event.data));
}

function tell(outcome) {
  channel.postMessage(outcome);
  return outcome;
}

export async function join(server, secret) {
  await store.setSettings(
    secret.split(".").length === 3
      ? { server, token: secret, refresh: null, patient: claims(secret).patient }
      : { server, ...(await tokens(server, { grant_type: "urn:titrate:grant:enrolment-code", code: secret })) },
  );
  return tell({ state: "joined" });
}

function claims(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(payload));
}

async function tokens(server, form) {
  const response = await fetch(`${server}/oauth/token`, { method: "POST", body: new URLSearchParams(form) });
  if (!response.ok) throw new Refused(response, response.status < 429 ? 401 : response.status);
  const told = await response.json();
  return { token: told.access_token, refresh: told.refresh_token, patient: told.patient };
}

export async function checkIn(body) {
  const moment = localMoment();
  const item = {
    op: "put",
    type: "check_in",
    patient_id: await store.setting("patient"),
    id: uuid7(),
    client_time: moment,
    body: { occurred_at: moment, ...body },
  };
  await store.add(item);
  tell({ state: "waiting" });
  return item.id;
}

class Refused extends Error {
  constructor(response, status = response.status) {
    super(`HTTP ${status}`);
    this.status = status;
    this.retryAfter = Number(response.headers.get("retry-after")) || 0;
  }
}

// One tab sends at a time: the others wait for the lock, then find the queue empty. The lock also
// keeps a refresh token from being used twice, which would end the session.
export function send() {
  return navigator.locks.request("check-in", async () => {
    try {
      const notices = [];
      for (let some; (some = await store.oldest(MOST)).length > 0; ) {
        const answer = await post(some.map((one) => one.item));
        if (answer.results?.length !== some.length) throw new Error("somebody else answered");
        await settle(some, answer);
        if (answer.safety_notice) notices.push(answer.safety_notice.text);
        tell({ state: "sent", skew: answer.flags?.includes("clock_skew") });
      }
      return tell({ state: "done", notices });
    } catch (error) {
      const state = error.status === 401 ? "join" : "later";
      return tell({ state, retryAfter: error.retryAfter ?? 0 });
    }
  });
}

async function post(items) {
  const server = await store.setting("server");
  let response = await call(server, items);
  if (response.status === 401 && (await store.setting("refresh"))) {
    const form = { grant_type: "refresh_token", refresh_token: await store.setting("refresh") };
    await store.setSettings(await tokens(server, form));
    response = await call(server, items);
  }
  if (!response.ok) throw new Refused(response);
  return response.json();
}

async function call(server, items) {
  return fetch(`${server}/v1/sync`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await store.setting("token")}`, "Content-Type": "application/json" },
    body: JSON.stringify({ sent_at: localMoment(), items }),
  });
}

function settle(sent, answer) {
  const taken = new Set(["created", "updated", "duplicate"]);
  const notTaken = answer.results
    .filter((result) => !taken.has(result.status))
    .map((result) => ({ ...result, item: sent[result.index].item }));
  return store.settle(sent.map((one) => one.order), notTaken, { sentAt: Date.now() });
}
