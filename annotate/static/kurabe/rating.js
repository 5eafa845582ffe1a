// The rating page works without this file. It adds keys, a guard against votes that nobody meant,
// and a calm arrival at the next comparison.
"use strict";

// A comparison that has just appeared takes no vote for this long: the second half of a double
// click, or a key struck twice, was meant for the one before.
const SETTLE_MS = 400;
let shownAt = performance.now();

const form = () => document.querySelector("form[data-comparison]");
const notSaved = () => document.getElementById("not-saved");
const box = (name) => document.getElementById(name);

function isForTheSite(event) {
  const field = "input:not([type=hidden], [type=checkbox]), textarea, select, [contenteditable]";
  // Arrows scroll a wide table, and an answer that scrolls by itself.
  const scrolls = event.key.startsWith("Arrow") ? ", .text, .wide" : "";
  const isTyping = event.target.closest?.(field + scrolls);
  const hasModifier = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
  return !(event.isComposing || event.repeat || event.defaultPrevented || hasModifier || isTyping);
}

document.addEventListener("keydown", (event) => {
  if (!form() || !isForTheSite(event)) return;
  const button = form().querySelector(`[aria-keyshortcuts~="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  // Not requestSubmit: htmx learns from the click which button it was.
  button.click();
});

document.addEventListener(
  "submit",
  (event) => {
    if (event.target !== form() || performance.now() - shownAt >= SETTLE_MS) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

document.addEventListener("htmx:beforeRequest", () => {
  notSaved().hidden = true;
});

// A whole page (sign in, an error of the server) is no comparison: stay, and say that it failed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!/^\s*<!doctype/i.test(event.detail.serverResponse)) return;
  event.detail.shouldSwap = false;
  notSaved().hidden = false;
});

for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, () => {
    notSaved().hidden = false;
  });
}

// What the reader has set stays as it was: over another view of the same pair all of it, and the
// place on the page; over the next pair, whether both sides scroll together.
const kept = { whole: false, inStep: false, scrollY: 0 };
const wide = matchMedia("(min-width: 48.01rem)");

function offerScrollingInStep() {
  const label = box("in-step-label");
  if (!label) return;
  label.hidden = !wide.matches;
  box("in-step").checked = kept.inStep && wide.matches;
}
wide.addEventListener("change", offerScrollingInStep);
offerScrollingInStep();

document.addEventListener("change", (event) => {
  if (event.target.id === "whole") kept.whole = event.target.checked;
  if (event.target.id === "in-step") kept.inStep = event.target.checked;
});

// Scroll events do not bubble, but they can be caught on their way down.
let led = null;
document.addEventListener(
  "scroll",
  (event) => {
    const text = event.target;
    if (!box("in-step")?.checked || !text.matches?.(".is-long .text")) return;
    if (led === text) {
      led = null; // this one was moved below, and moves nothing itself
      return;
    }
    for (const other of text.closest(".replies").querySelectorAll(".text")) {
      if (other === text) continue;
      const share = text.scrollTop / Math.max(1, text.scrollHeight - text.clientHeight);
      const place = Math.round(share * (other.scrollHeight - other.clientHeight));
      if (Math.abs(other.scrollTop - place) < 1) continue;
      led = other;
      other.scrollTop = place;
    }
  },
  true,
);

document.addEventListener("htmx:beforeSwap", () => {
  kept.scrollY = window.scrollY;
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (!document.getElementById("stage")) return;
  offerScrollingInStep();
  if (event.detail.requestConfig?.verb === "get") {
    if (box("whole")) box("whole").checked = kept.whole;
    window.scrollTo({ top: kept.scrollY, behavior: "instant" });
    document.querySelector(".views [aria-current]")?.focus({ preventScroll: true });
    return;
  }
  kept.whole = false;
  shownAt = performance.now();
  window.scrollTo({ top: 0, behavior: "instant" });
  document.querySelector("#stage h1").focus({ preventScroll: true });
});
