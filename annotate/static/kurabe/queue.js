// Votes that the site has not confirmed: kept in this browser, sent in order, counted once.
"use strict";

const voteQueue = (() => {
  const WAITS_MS = [1_000, 2_000, 5_000, 15_000, 60_000]; // before each further attempt
  const TIMEOUT_MS = 20_000;
  const LONG_WAIT_MS = 5_000;
  const KEEPALIVE_MAX = 60_000; // browsers let no larger body outlive its page
  // Another person at this browser has other votes: theirs are not ours to send.
  const prefix = `kurabe.vote.${document.getElementById("rating").dataset.owner}.`;
  const unkept = new Map(); // where the browser keeps nothing, or has no room
  let failures = 0;
  let timer = null;
  let running = null;
  // Tells what the page shows by then, as `shown=…&turn=…`; the answer brings what follows it.
  let describePage = () => "";

  // One key for each vote, so that two windows never write over one another.
  function list() {
    const kept = [];
    try {
      for (const name of Object.keys(localStorage))
        if (name.startsWith(prefix)) kept.push(JSON.parse(localStorage.getItem(name)));
    } catch {
      // Storage is closed to us: what there is, is in `unkept`.
    }
    return [...kept, ...unkept.values()].filter(Boolean).sort((one, other) => one.at - other.at);
  }

  function add(vote) {
    try {
      localStorage.setItem(prefix + vote.step, JSON.stringify(vote));
    } catch {
      unkept.set(vote.step, vote);
    }
    tell("votes:changed");
  }

  function remove(vote) {
    unkept.delete(vote.step);
    try {
      localStorage.removeItem(prefix + vote.step);
    } catch {
      // It was never there.
    }
    tell("votes:changed");
  }

  const has = (step) => list().some((vote) => vote.step === step);
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

  // The page may be older than the token, as after signing in in another window.
  function csrfToken() {
    const cookie = document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/);
    return cookie ? cookie[1] : document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  }

  async function post(vote) {
    const isHere = vote.address === location.pathname;
    const page = isHere ? describePage() : "";
    const response = await fetch(page ? `${vote.address}?${page}` : vote.address, {
      method: "POST",
      body: vote.body,
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "HX-Request": "true",
        "X-CSRFToken": csrfToken() ?? "",
      },
      keepalive: vote.body.length < KEEPALIVE_MAX,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { response, isHere, fragment: parse(await response.text()) };
  }

  // Only our own fragments are answers: a page of an inn's network or of a proxy is none.
  function parse(text) {
    const template = document.createElement("template");
    template.innerHTML = text;
    const isPage = /^\s*<!doctype/i.test(text);
    return !isPage && template.content.querySelector("#progress") ? template.content : null;
  }

  // Gives "saved", "refused", or "later" with a reason.
  async function send(vote) {
    let answer;
    try {
      answer = await post(vote);
    } catch {
      return { outcome: "later", reason: "unreachable" };
    }
    const { response, isHere, fragment } = answer;
    const redirect = response.headers.get("HX-Redirect");
    if (redirect) {
      if (isHere) location.assign(redirect);
      return { outcome: "later", reason: "elsewhere" };
    }
    if (response.status === 429) {
      // Too early by the site's clock; the page has waited already. A longer wait is told.
      const waitMs = 1_000 * (Number(response.headers.get("Retry-After")) || 1);
      return { outcome: "later", reason: waitMs > LONG_WAIT_MS ? "many" : "early", waitMs };
    }
    if (!fragment || response.status >= 500 || response.status === 403)
      return { outcome: "later", reason: "fault" };
    return { outcome: response.ok ? "saved" : "refused", fragment, isHere };
  }

  // What one run puts off stops no vote of another run.
  async function sendAll() {
    const stopped = new Set();
    let putOff = null;
    for (;;) {
      const vote = list().find((each) => !stopped.has(each.address));
      if (!vote) break;
      const answer = await send(vote);
      if (answer.outcome === "later") {
        putOff = answer;
        stopped.add(vote.address);
        if (answer.reason === "unreachable") break;
        continue;
      }
      failures = 0;
      remove(vote);
      tell("votes:answer", { ...answer, vote });
    }
    return putOff;
  }

  async function flush() {
    clearTimeout(timer);
    if (!running) {
      running = sendAll();
      running.then(conclude).finally(() => {
        running = null;
        if (list().length && !timer) flush(); // cast while the last answer was on its way
      });
      timer = null;
    }
    await running;
    return list().length === 0;
  }

  function conclude(putOff) {
    if (!putOff) return;
    const isFault = putOff.reason !== "early";
    failures += isFault;
    const waitMs = putOff.waitMs ?? WAITS_MS[Math.min(failures, WAITS_MS.length) - 1];
    timer = setTimeout(retry, waitMs);
    if (isFault) tell("votes:put-off", putOff);
    tell("votes:changed");
  }

  function retry() {
    timer = null;
    return flush();
  }

  addEventListener("online", retry);
  addEventListener("beforeunload", (event) => {
    if (unkept.size) event.preventDefault();
  });
  addEventListener("storage", () => tell("votes:changed"));

  return {
    add,
    has,
    flush,
    list,
    isFailing: () => failures > 0,
    isUnkept: () => unkept.size > 0,
    describePageBy: (describe) => {
      describePage = describe;
    },
    parse,
  };
})();
