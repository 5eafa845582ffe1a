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
    if (event.target.matches(".length input")) stayAtTheAnswer(event.target);
  });

  // Where one answer stands above the other, the first grows or shrinks over whoever reads the
  // second; the browser's own anchoring does not hold where a height was set.
  function stayAtTheAnswer(changed) {
    const answers = [...document.querySelectorAll(".reply")];
    const foot = document.querySelector(".foot").getBoundingClientRect().top;
    const topOf = (answer) => answer.getBoundingClientRect().top;
    changed.checked = !changed.checked; // as it was, to see who was being read
    const read = answers.findLast((answer) => topOf(answer) < foot / 2);
    const before = read && topOf(read);
    changed.checked = !changed.checked;
    if (!read) return;
    scrollBy({ top: topOf(read) - before, behavior: "instant" });
    const { bottom } = read.getBoundingClientRect();
    if (bottom < 0) read.scrollIntoView({ block: "start", behavior: "instant" });
  }

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
