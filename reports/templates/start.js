// Small pictures choose designs too; the address is followed; what is folded is printed.
for (const mark of document.querySelectorAll(".plot:not(#picture) .mark[role]")) {
  const choose = () => change({ design: mark.dataset.design });
  mark.addEventListener("click", choose);
  mark.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  });
}
views.push(() => {
  for (const mark of document.querySelectorAll(".plot:not(#picture) .mark[role]")) mark.classList.toggle("chosen", mark.dataset.design === state.design);
});
const follow = () => {
  readAddress();
  for (const show of views) show([]);
};
window.addEventListener("hashchange", follow);
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const part of unfolded) part.open = true;
});
window.addEventListener("afterprint", () => unfolded.forEach((part) => (part.open = false)));
document.documentElement.classList.add("live");
follow();
