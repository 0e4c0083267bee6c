// The command of a design, to be copied.
async function copyText(text, button) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = copied ? "Copied" : "Press Ctrl+C";
  by("said").textContent = copied ? "The command is copied." : "The command could not be copied; it is selected.";
  if (!copied) getSelection().selectAllChildren(by(button.dataset.copies));
  setTimeout(() => (button.textContent = before), 1500);
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (button) copyText(by(button.dataset.copies).textContent, button);
});
