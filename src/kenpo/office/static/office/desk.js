// A queue with a case beside it: which row is shown, and where the keyboard is. The queue works without this file.
"use strict";

(() => {
  const place = document.getElementById("desk-case");
  if (!place) return;

  const mark = () => {
    const shown = place.querySelector("[data-case]");
    document.querySelectorAll("tr[data-row-of]").forEach((row) => {
      if (shown && row.dataset.rowOf === shown.dataset.case) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    });
  };

  const leave = () => {
    const current = document.querySelector("tr[aria-current] a");
    const closer = place.querySelector("[data-leaves]");
    if (closer) history.replaceState(null, "", closer.href);
    place.replaceChildren();
    mark();
    if (current) current.focus();
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    mark();
    if (event.detail.target !== place) return;
    const focus = place.querySelector("[data-focus]");
    if (focus) focus.focus({ preventScroll: true });
    place.scrollTop = 0;
    if (place.getBoundingClientRect().top < 0) place.scrollIntoView();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#desk-case [data-leaves]")) { event.preventDefault(); leave(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && place.contains(document.activeElement) && place.querySelector("[data-case]")
      && !document.activeElement.matches("input, textarea, select")) leave();
  });
})();
