// Long answers: both in full on request, and both scrolled together.
"use strict";

(() => {
  // Whether both sides scroll together stays as the reader has set it, over all pairs.
  let inStep = false;
  const wide = matchMedia("(min-width: 48.01rem)");
  const box = () => document.getElementById("in-step");

  function offer() {
    if (!box()) return;
    box().checked = inStep && wide.matches;
  }
  wide.addEventListener("change", offer);
  document.addEventListener("stage:shown", offer);
  offer();

  document.addEventListener("change", (event) => {
    if (event.target === box()) inStep = event.target.checked;
  });

  // Scroll events do not bubble, but they can be caught on their way down.
  let led = null;
  document.addEventListener(
    "scroll",
    (event) => {
      const text = event.target;
      if (!box()?.checked || !text.matches?.(".is-long .text")) return;
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
})();
