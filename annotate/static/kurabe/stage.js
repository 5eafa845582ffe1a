// What stands on the page, what stands there next, and the change from one to the other.
"use strict";

const stage = (() => {
  const rating = document.getElementById("rating");
  let ahead = null; // the section that is shown next
  let isJudged = false; // what stands there is judged, and the next is not here
  let lastStep = ""; // the site knew of nothing after this one
  let shownAt = performance.now();

  const section = () => document.getElementById("stage");
  const form = () => formIn(document);
  const formIn = (within) => within.querySelector("form[data-comparison]");

  function stepOf(within) {
    const fields = formIn(within)?.elements;
    return fields ? `${fields.token.value}:${fields.turn?.value ?? 0}` : "";
  }

  function describe() {
    const [token, turn] = stepOf(document).split(":");
    return token && !isJudged ? new URLSearchParams({ shown: token, turn }).toString() : "";
  }
  voteQueue.describePageBy(describe);

  // Put the next section in place: built before, so that a key costs no more than its layout.
  function show(next) {
    section().replaceWith(next);
    ahead = null;
    arrive({ isSame: false });
    // htmx has time until somebody can reach for one of its controls.
    requestAnimationFrame(() => setTimeout(() => next.isConnected && htmx.process(next)));
  }

  function arrive({ isSame }) {
    isJudged = false;
    if (!isSame) {
      shownAt = performance.now();
      const asked = document.querySelector("#asked:not(:first-of-type)");
      if (asked) asked.scrollIntoView({ block: "start", behavior: "instant" });
      else scrollTo({ top: 0, behavior: "instant" });
      section().querySelector("h1").focus({ preventScroll: true });
    }
    document.dispatchEvent(new CustomEvent("stage:shown", { detail: { isSame } }));
  }

  // The vote on what stands there is cast: go on.
  function advance() {
    isJudged = true;
    if (ahead) show(ahead);
    else section().setAttribute("aria-busy", "true");
  }

  // Nothing is here to go on with: say so, calmly, where the pair was.
  function wait() {
    if (section().querySelector("[data-waiting]")) return;
    const waiting = document.getElementById("waiting").content.cloneNode(true);
    section().replaceWith(waiting);
    section().querySelector("h1").focus({ preventScroll: true });
  }

  // Take a fragment of the site: its numbers, unless a vote was cast since it was asked for, its
  // words, and the section that it brings. Tells whether there were words.
  function take(fragment, { isAnswer, isLate = false }) {
    if (!isLate)
      document.getElementById("progress").replaceChildren(
        ...document.importNode(fragment.querySelector("#progress"), true).childNodes,
      );
    const notes = [...fragment.querySelectorAll(".note")];
    for (const note of notes) note.remove();
    bring(fragment.querySelector("#stage"), isAnswer);
    if (notes.length) put(...notes);
    return notes.length > 0;
  }

  function bring(found, isAnswer) {
    if (!found) {
      lastStep = stepOf(document);
      return;
    }
    const step = stepOf(found);
    if (step && (voteQueue.has(step) || (step === stepOf(document) && !isJudged))) return;
    const next = document.importNode(found, true);
    // Without a step it says that nothing is left: an answer to a vote, and no interruption.
    if (isJudged || (!step && isAnswer)) show(next);
    else if (step) ahead = next;
  }

  async function loadAhead() {
    const page = describe();
    if (!page || ahead || lastStep === stepOf(document)) return;
    try {
      const address = `${rating.dataset.ahead}?${page}`;
      const response = await fetch(address, { headers: { "HX-Request": "true" } });
      const fragment = response.ok && voteQueue.parse(await response.text());
      if (fragment) take(fragment, { isAnswer: false, isLate: describe() !== page });
    } catch {
      // The answer to the vote brings it.
    }
  }

  // Words of the page for the reader: seen above the buttons, and read out.
  function say(word) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = rating.querySelector(`[data-word="${word}"]`).textContent;
    put(note);
  }

  function put(...notes) {
    section().querySelector(".notices").replaceChildren(...notes);
    readOut();
  }

  // What comes with its element is not always read out; alerts are, and need no second voice.
  function readOut() {
    const notes = [...section().querySelectorAll(".note:not([role=alert])")];
    for (const note of notes) note.removeAttribute("role");
    document.getElementById("said").textContent = notes.map((note) => note.textContent).join(" ");
  }

  // What htmx has put there is new as a whole, and so is what follows it.
  function renew({ isSame }) {
    ahead = null;
    lastStep = "";
    arrive({ isSame });
    readOut();
    loadAhead();
  }

  return {
    advance,
    form,
    isJudged: () => isJudged,
    loadAhead,
    markJudged: () => {
      isJudged = true;
      section().setAttribute("aria-busy", "true");
    },
    renew,
    say,
    section,
    shownForMs: () => performance.now() - shownAt,
    step: () => stepOf(document),
    stepOf,
    take,
    wait,
  };
})();
