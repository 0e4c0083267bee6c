const tip = by("tip");
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const right = Math.min(x + 14, scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(right, scrollX + 4)}px`;
  tip.style.top = `${y + 14}px`;
}
const tipped = (event) => event.target.closest && event.target.closest("[data-tip]");
document.addEventListener("mousemove", (event) => (tipped(event) ? showTip(tipped(event).dataset.tip, event.pageX, event.pageY) : (tip.hidden = true)));
document.addEventListener("focusin", (event) => {
  const target = tipped(event), box = target && target.getBoundingClientRect();
  if (target) showTip(target.dataset.tip, box.right + scrollX, box.bottom + scrollY);
});
document.addEventListener("focusout", () => (tip.hidden = true));
document.addEventListener("keydown", (event) => event.key === "Escape" && (tip.hidden = true));
