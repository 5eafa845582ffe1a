// The rating page works without this file. It adds keys, a guard against votes that nobody meant,
// the next pair at once, and votes that outlast a lost connection.
"use strict";

(() => {
  // A comparison that has just appeared takes no vote for this long: the second half of a double
  // click, or a key struck twice, was meant for the one before.
  const SETTLE_MS = 400;
  const FIELDS = "input:not([type=hidden], [type=checkbox]), textarea, select, [contenteditable]";

  function isForTheSite(event) {
    // Arrows scroll a wide table, and an answer that scrolls by itself.
    const scrolls = event.key.startsWith("Arrow") ? ", .text, .wide" : "";
    const isTyping = event.target.closest?.(FIELDS + scrolls);
    // 229 is what a key is called that an input method has taken, whatever was struck.
    const isComposed = event.isComposing || event.keyCode === 229;
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey;
    // With Shift and an arrow one selects on, where something is selected.
    const isSelecting = event.shiftKey && !getSelection().isCollapsed;
    return !(
      isComposed || isTyping || isSelecting || hasModifier || event.repeat || event.defaultPrevented
    );
  }

  // On some keyboards the digits stand above, and need Shift.
  function nameOf(event) {
    const hasShift = event.shiftKey && !/^\d$/.test(event.key);
    return (hasShift ? "Shift+" : "") + event.key;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented) closeMenus();
    if (!isForTheSite(event)) return;
    const name = CSS.escape(nameOf(event));
    const control = stage.section().querySelector(`[aria-keyshortcuts~="${name}"]`);
    if (!control) return;
    event.preventDefault();
    const asking = event.target.closest?.("details.menu[open]:has(> form.panel)");
    if (asking && control.form === stage.form()) {
      moveWithin(asking, event.key);
      return;
    }
    control.click();
    const menu = control.closest("details");
    if (menu?.open) menu.querySelector(".panel button").focus();
  });

  // While a menu asks something, no key is a verdict on the pair: arrows go through its answers.
  function moveWithin(menu, key) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const buttons = [...menu.querySelectorAll(".actions button")];
    if (step) buttons[buttons.indexOf(document.activeElement) + step]?.focus();
  }

  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu.contains(except)) continue;
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
  }
  document.addEventListener("click", (event) => closeMenus(event.target));

  document.addEventListener(
    "submit",
    (event) => {
      // Enter in a field alone: the first button of each form stands for that.
      const isNothing = event.submitter?.formMethod === "dialog";
      const isEarly = stage.shownForMs() < SETTLE_MS && stage.section().contains(event.target);
      if (event.target === stage.form() && !isNothing) {
        event.preventDefault();
        vote(event.target, event.submitter);
      } else if (isNothing || isEarly) {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    },
    true,
  );

  function vote(form, button) {
    if (stage.isJudged() || stage.shownForMs() < SETTLE_MS) return;
    if (stage.shownForMs() < Number(form.dataset.readingMs ?? 0)) {
      stage.say("early");
      return;
    }
    const fields = new FormData(form, button);
    fields.delete("csrfmiddlewaretoken"); // the page's own may be another by then
    voteQueue.add({
      step: stage.step(),
      address: location.pathname,
      body: new URLSearchParams(fields).toString(),
      at: Date.now(),
    });
    stage.advance();
    // Where the next pair is still on its way, the vote is seen to be taken.
    if (stage.isJudged()) button?.setAttribute("aria-pressed", "true");
    voteQueue.flush();
  }

  let hadTrouble = false;

  document.addEventListener("votes:answer", ({ detail }) => {
    const isSaid = detail.isHere && stage.take(detail.fragment, { isAnswer: true });
    if (!isSaid) sayHowItWent(detail.outcome);
    if (voteQueue.list().length === 0) hadTrouble = false;
    stage.loadAhead();
  });

  function sayHowItWent(outcome) {
    const isRefused = document.querySelector(".notices [role=alert]");
    if (outcome === "refused") stage.say("refused");
    else if (hadTrouble && voteQueue.list().length === 0 && !isRefused) stage.say("saved");
  }

  document.addEventListener("votes:put-off", () => {
    hadTrouble = true;
    if (stage.isJudged()) stage.wait();
    else stage.say(voteQueue.isUnkept() ? "not-kept" : "kept");
  });

  document.addEventListener("votes:changed", () => {
    const n = voteQueue.list().length;
    const unsaved = document.getElementById("unsaved");
    unsaved.hidden = !(n && voteQueue.isFailing());
    unsaved.querySelector("b").textContent = n;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#unsaved button, [data-retry]")) voteQueue.flush();
  });

  // Undo, skip, report and another view are about what the site has: votes go first.
  document.addEventListener("htmx:confirm", (event) => {
    if (!voteQueue.list().length) return;
    event.preventDefault();
    voteQueue.flush().then((isEmpty) => {
      if (isEmpty && event.target.isConnected) event.detail.issueRequest(true);
      else if (!isEmpty) stage.say("unsaved-first");
    });
  });

  // Over another view of the same pair all stays as the reader has set it.
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    // A whole page (sign in, an error of the server) is no comparison: stay, and say so.
    if (/^\s*<!doctype/i.test(event.detail.serverResponse)) {
      event.detail.shouldSwap = false;
      stage.say("failed");
      return;
    }
    const form = stage.form();
    kept = form && {
      step: stage.step(),
      fields: new FormData(form),
      isWhole: document.getElementById("whole")?.checked,
      top: scrollY,
    };
  });

  document.addEventListener("htmx:afterSwap", () => {
    const isSame = Boolean(kept) && kept.step === stage.step();
    stage.renew({ isSame });
    if (isSame) restore();
    kept = null;
  });

  function restore() {
    const form = stage.form();
    for (const field of form.elements) {
      if (field.type === "checkbox")
        field.checked = kept.fields.getAll(field.name).includes(field.value);
      else if (field.name === "comment") field.value = kept.fields.get("comment");
    }
    const whole = document.getElementById("whole");
    if (whole) whole.checked = kept.isWhole;
    scrollTo({ top: kept.top, behavior: "instant" });
    document.querySelector(".views [aria-current]")?.focus({ preventScroll: true });
  }

  for (const failure of ["htmx:sendError", "htmx:timeout"])
    document.addEventListener(failure, () => stage.say("failed"));

  // Back to a page that the browser has kept: its pair may have been judged since.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  if (voteQueue.has(stage.step())) stage.markJudged();
  voteQueue.flush();
  stage.loadAhead();
})();
