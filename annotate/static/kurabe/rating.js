// The rating page works without this file. It adds keys, a guard against votes that nobody meant,
// and a calm arrival at the next comparison.
"use strict";

// A comparison that has just appeared takes no vote for this long: the second half of a double
// click, or a key struck twice, was meant for the one before.
const SETTLE_MS = 400;
let shownAt = performance.now();

const form = () => document.querySelector("form[data-comparison]");
const notSaved = () => document.getElementById("not-saved");

function isForTheSite(event) {
  const isTyping = event.target.closest?.("input:not([type=hidden]), textarea, select, [contenteditable]");
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

document.addEventListener("htmx:afterSwap", () => {
  if (!document.getElementById("stage")) return;
  shownAt = performance.now();
  window.scrollTo({ top: 0, behavior: "instant" });
  document.querySelector("#stage h1").focus({ preventScroll: true });
});
