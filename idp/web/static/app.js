// An open menu closes when one clicks elsewhere or presses Escape. Everything
// works without this file.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.gh-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.gh-menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
