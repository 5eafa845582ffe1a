// Passages of an answer are marked here: what is selected is sent with the vote as characters
// (code points) of the stored text, and drawn again whenever the same pair is on the screen.

const tools = document.getElementById("passage-tools");
const main = document.getElementById("main");
const OFFER_MS = 150; // a selection that rests so long is offered the tools
const GAP_PX = 8;
const TOUCH_GAP_PX = 32; // below the handles of a selection made by touch

// Comparison and turn → its marks, so that another view, or an undone vote, shows them again.
const marksOf = new Map();
let chosen = null; // what the tools are for: a new stretch, or the place of a mark in the list
let isPressed = false;
let waiting = 0;

const form = () => document.querySelector("form[data-comparison]");
const fieldsOf = () => form()?.elements;
const step = () => `${fieldsOf()?.token.value}:${fieldsOf()?.turn?.value ?? 0}`;
const marks = () => marksOf.get(step()) ?? [];
const length = (text) => [...text].length;
const replyOf = (node) => (node?.nodeType === 1 ? node : node?.parentElement)?.closest("[data-reply]");

// --- Between the drawn and the stored text: what pieces of them are the same

const isKnown = (reply) => "pieces" in reply.dataset;
let asked = null; // the conversation whose pieces are on their way

// On most pairs nobody marks anything, so pieces come when they are first needed. Where they do
// not come, the next selection asks again.
async function fetchPieces() {
  const conversation = document.querySelector("[data-pieces-at]");
  if (!conversation || asked === conversation) return;
  asked = conversation;
  try {
    const answer = await fetch(conversation.dataset.piecesAt);
    if (!answer.ok) return;
    const pieces = await answer.json();
    for (const reply of conversation.querySelectorAll("[data-reply]"))
      reply.dataset.pieces = pieces[`${reply.dataset.reply} ${reply.dataset.turnNumber}`];
  } catch {
    return;
  } finally {
    asked = null;
  }
  if (!conversation.isConnected) return; // another pair is on the screen by now
  drawMarks();
  offer();
}

function piecesOf(reply) {
  const size = length(reply.textContent);
  if (!reply.dataset.pieces) return [{ drawn: 0, stored: 0, length: size }];
  const numbers = reply.dataset.pieces.split(" ").map(Number);
  const pieces = [];
  let [drawn, stored] = [0, 0];
  for (let i = 0; i < numbers.length; i += 3) {
    drawn += numbers[i];
    stored += numbers[i + 1];
    pieces.push({ drawn, stored, length: numbers[i + 2] });
    drawn += numbers[i + 2];
    stored += numbers[i + 2];
  }
  return pieces;
}

// As in annotate/rendering/passages.py: an end that has no counterpart takes in all up to the next
// character that has one.
function carry(pieces, [start, end], from, to) {
  const before = (place) =>
    pieces.findLast((piece) => piece[from] <= place) ?? { [from]: 0, [to]: 0, length: 0 };
  let piece = before(start);
  const first = piece[to] + Math.min(start - piece[from], piece.length);
  piece = before(end - 1);
  if (end <= piece[from] + piece.length) return [first, piece[to] + end - piece[from]];
  const next = pieces[pieces.indexOf(piece) + 1];
  return [first, next ? next[to] : piece[to] + piece.length];
}

// --- Reading a selection

// Where each turn is judged apart, what was marked in another turn belongs to another vote.
function isAsked(reply) {
  const turn = Number(fieldsOf().turn?.value ?? 0);
  return main.contains(reply) && (!turn || turn === Number(reply.dataset.turnNumber));
}

function selectedStretch() {
  const selection = document.getSelection();
  if (!form() || !selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const reply = replyOf(range.startContainer) ?? replyOf(range.endContainer);
  if (!reply || !isAsked(reply)) return null;
  const inside = document.createRange();
  inside.selectNodeContents(reply);
  // A double click on the last word may reach into what follows; the answer is what counts.
  if (range.compareBoundaryPoints(Range.START_TO_START, inside) > 0)
    inside.setStart(range.startContainer, range.startOffset);
  if (range.compareBoundaryPoints(Range.END_TO_END, inside) < 0)
    inside.setEnd(range.endContainer, range.endOffset);
  const text = inside.toString();
  if (!text.trim()) return null;
  if (!isKnown(reply)) {
    fetchPieces();
    return null;
  }
  const before = document.createRange();
  before.selectNodeContents(reply);
  before.setEnd(inside.startContainer, inside.startOffset);
  const start = length(before.toString()) + length(text) - length(text.trimStart());
  const drawn = [start, start + length(text.trim())];
  const [first, last] = carry(piecesOf(reply), drawn, "drawn", "stored");
  if (first >= last) return null;
  const stretch = {
    side: reply.dataset.reply,
    turn: Number(reply.dataset.turnNumber),
    start: first,
    end: last,
  };
  return { stretch, box: range.getBoundingClientRect(), reply };
}

// --- Drawing marks

function drawMarks() {
  form()?.querySelectorAll("input[name=mark]").forEach((field) => field.remove());
  form()?.append(...marks().map(fieldOf));
  const replies = marks().map((mark) => document.querySelector(
    `[data-reply="${mark.side}"][data-turn-number="${mark.turn}"]`,
  ));
  if (replies.some((reply) => reply && !isKnown(reply))) {
    fetchPieces();
    return;
  }
  for (const old of document.querySelectorAll("mark.passage")) {
    const parent = old.parentNode;
    old.replaceWith(...old.childNodes);
    parent.normalize();
  }
  replies.forEach((reply, place) => {
    if (reply) drawMark(reply, marks()[place], place);
  });
}

function fieldOf(mark) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "mark";
  field.value = JSON.stringify(mark);
  return field;
}

function drawMark(reply, mark, place) {
  const [start, end] = carry(piecesOf(reply), [mark.start, mark.end], "stored", "drawn");
  let isFirst = true;
  for (const stretch of stretchesIn(reply, start, end)) {
    const drawn = document.createElement("mark");
    drawn.className = "passage";
    drawn.dataset.tag = mark.tag;
    drawn.dataset.passage = place;
    drawn.title = labelOf(mark.tag);
    if (isFirst) {
      drawn.tabIndex = 0;
      drawn.setAttribute("role", "button");
      drawn.setAttribute("aria-label", `${stretch.toString()}: ${labelOf(mark.tag)}`);
    }
    isFirst = false;
    stretch.surroundContents(drawn);
  }
}

const labelOf = (tag) => tools.querySelector(`[data-tag="${CSS.escape(tag)}"]`)?.textContent ?? tag;

// A formula is marked as a whole, and never the white space between the rows of a table.
function stretchesIn(reply, start, end) {
  const walker = document.createTreeWalker(reply, NodeFilter.SHOW_TEXT);
  const found = [];
  let place = 0;
  let formula = null;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const signs = [...node.data];
    const from = Math.max(0, start - place);
    const to = Math.min(signs.length, end - place);
    place += signs.length;
    if (from >= to || (!node.data.trim() && node.data.includes("\n"))) continue;
    const range = document.createRange();
    const math = node.parentElement.closest("math");
    if (math) {
      if (math === formula) continue;
      formula = math;
      range.selectNode(math);
    } else {
      range.setStart(node, signs.slice(0, from).join("").length);
      range.setEnd(node, signs.slice(0, to).join("").length);
    }
    found.push(range);
  }
  return found;
}

// --- The tools

function offer() {
  if (isPressed || tools.contains(document.activeElement)) return;
  const selected = selectedStretch();
  if (!selected) {
    if (chosen && "stretch" in chosen) close();
    return;
  }
  open({ stretch: selected.stretch }, selected.box, selected.reply);
}

function open(what, box, reply) {
  chosen = what;
  tools.querySelector("[data-remove]").hidden = !("place" in what);
  const tag = "place" in what ? marks()[what.place].tag : "";
  for (const button of tools.querySelectorAll("[data-tag]"))
    button.setAttribute("aria-pressed", String(button.dataset.tag === tag));
  tools.hidden = false;
  const gap = matchMedia("(pointer: coarse)").matches ? TOUCH_GAP_PX : GAP_PX;
  const foot = document.querySelector(".foot")?.getBoundingClientRect().top ?? innerHeight;
  const fitsBelow = box.bottom + gap + tools.offsetHeight < Math.min(foot, innerHeight);
  const top = fitsBelow ? box.bottom + gap : Math.max(GAP_PX, box.top - gap - tools.offsetHeight);
  // Over no text but this answer's, where it is wide enough.
  const edges = reply.closest(".reply").getBoundingClientRect();
  const left = Math.max(GAP_PX, Math.min(box.left, edges.right - tools.offsetWidth - GAP_PX));
  tools.style.top = `${top + scrollY}px`;
  tools.style.left = `${left}px`;
}

function close() {
  // Not on a button that votes.
  if (tools.contains(document.activeElement))
    document.querySelector("h1")?.focus({ preventScroll: true });
  tools.hidden = true;
  chosen = null;
}

tools.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the selection

tools.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !chosen) return;
  const list = [...marks()];
  if ("place" in chosen) {
    const changed = button.dataset.tag && { ...list[chosen.place], tag: button.dataset.tag };
    list.splice(chosen.place, 1, ...(changed ? [changed] : []));
  } else if (button.dataset.tag) {
    list.push({ ...chosen.stretch, tag: button.dataset.tag });
  }
  marksOf.set(step(), list);
  document.getSelection().removeAllRanges();
  close();
  drawMarks();
});

document.addEventListener("pointerdown", (event) => {
  isPressed = !tools.contains(event.target);
  if (isPressed && !event.target.closest?.("mark.passage")) close();
});
for (const release of ["pointerup", "pointercancel"]) {
  document.addEventListener(release, () => {
    isPressed = false;
    offerSoon();
  });
}
document.addEventListener("selectionchange", offerSoon);

// The tools would stay behind where an answer scrolls by itself.
document.addEventListener("scroll", (event) => event.target.matches?.(".text") && close(), true);

function offerSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(offer, OFFER_MS);
}

function openMark(drawn) {
  if (!form() || !document.getSelection().isCollapsed) return;
  open({ place: Number(drawn.dataset.passage) }, drawn.getBoundingClientRect(), replyOf(drawn));
}

document.addEventListener("click", (event) => {
  const drawn = event.target.closest?.("mark.passage");
  if (drawn) openMark(drawn);
});

// Before the keys that vote: they leave alone what was answered here.
document.addEventListener(
  "keydown",
  (event) => {
    const buttons = [...tools.querySelectorAll("button:not([hidden])")];
    const place = buttons.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.activeElement?.matches("mark.passage") && ["Enter", " "].includes(event.key)) {
      openMark(document.activeElement);
      buttons[0].focus();
    } else if (!tools.hidden && event.key === "Escape") {
      document.getSelection().removeAllRanges();
      close();
    } else if (!tools.hidden && place < 0 && event.key.toLowerCase() === "m") {
      buttons[0].focus();
    } else if (place >= 0 && event.key in steps) {
      buttons[(place + steps[event.key] + buttons.length) % buttons.length].focus();
    } else {
      return;
    }
    event.preventDefault();
  },
  true,
);

// --- What stands when a comparison comes on the screen

function arrive() {
  close();
  if (!form()) return;
  if (!marksOf.has(step())) {
    const fields = [...form().querySelectorAll("input[name=mark]")];
    marksOf.set(step(), fields.map((field) => JSON.parse(field.value)));
  }
  drawMarks();
}

new MutationObserver(arrive).observe(main, { childList: true });
arrive();
