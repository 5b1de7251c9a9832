"use strict";
// Keys for the review pages. Whatever bears a key in data-key is clicked, or focused if one types into it.
(() => {
  const visible = (element) => element.checkVisibility();
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
  const rows = () => [...document.querySelectorAll("[data-row]")].filter(visible);

  const bearing = (key) => [...document.querySelectorAll("[data-key]")]
    .filter((element) => element.dataset.key.split(" ").includes(key) && visible(element));

  // Of several that bear a key, the one in the form or section that has the focus, else the first.
  const chosen = (key) => {
    const all = bearing(key);
    const part = document.activeElement && document.activeElement.closest("section.one");
    return all.find((element) => part && part.contains(element)) || all[0];
  };

  const move = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    if (next) next.focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (event.key === "Enter" && event.ctrlKey && event.target.form) { event.target.form.requestSubmit(); return; }
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    if (document.body.hasAttribute("data-without-keys") || document.querySelector("dialog[open]")) return;
    const target = chosen(event.key);
    if (target) {
      event.preventDefault();
      if (typing(target)) {
        target.focus();
        if ("+-=".includes(event.key) && target.value === "") target.value = event.key;
      } else target.click();
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      move(event.key === "j" ? 1 : -1);
    }
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
  });

  // A click on a line of code puts its number into the form beside it.
  document.addEventListener("click", (event) => {
    const line = event.target.closest("pre.code .line");
    const part = line && (line.closest("section.one") || document);
    const field = part && part.querySelector("input[name=line]");
    if (!field) return;
    const code = line.closest("pre.code");
    const before = Number(getComputedStyle(code).getPropertyValue("--before"));
    field.value = before + 1 + [...code.querySelectorAll(".line")].indexOf(line);
    field.closest("form").querySelector("textarea").focus();
  });

  // After htmx has put a new page in place, its content has the focus, as after any page load.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target === document.body) document.getElementById("main").focus({ preventScroll: true });
  });
})();
