// The keys of the rating page, where they are learned: a key presses the button that names it.

addEventListener("keydown", (event) => {
  if (event.isComposing || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, textarea, select")) return;
  const key = event.shiftKey ? `Shift+${event.key}` : event.key;
  for (const button of document.querySelectorAll("#verdict [aria-keyshortcuts]")) {
    if (!button.getAttribute("aria-keyshortcuts").split(" ").includes(key)) continue;
    event.preventDefault();
    button.click();
    return;
  }
});
