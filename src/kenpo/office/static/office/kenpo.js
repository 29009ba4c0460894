// kenpo: small helps for the hand. Every page works without this file, except that windows (dialog) do not open.
"use strict";

(() => {
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  // ---- a summary of errors takes the focus when it appears
  const focusErrors = (root) => {
    const found = root.querySelector("[data-focus]");
    if (found) found.focus();
  };

  // ---- rows chosen by checkbox: all at once, a run with Shift, how many
  let last = null;
  const boxes = (form) => [...form.querySelectorAll("input[data-row]")];
  const countRows = (form) => {
    const all = boxes(form);
    const chosen = all.filter((box) => box.checked).length;
    each(form, "[data-chosen]", (place) => { place.textContent = chosen.toLocaleString("ja-JP"); });
    each(form, "[data-needs-rows]", (button) => { button.disabled = chosen === 0; });
    each(form, "input[data-all-rows]", (box) => {
      box.checked = chosen > 0 && chosen === all.length;
      box.indeterminate = chosen > 0 && chosen < all.length;
    });
  };
  const chooseRows = (event) => {
    const box = event.target;
    const form = box.closest("form");
    if (!form || !(box.matches("input[data-row], input[data-all-rows]"))) return;
    const all = boxes(form);
    if (box.matches("[data-all-rows]")) {
      all.forEach((row) => { row.checked = box.checked; });
    } else {
      if (event.shiftKey && last && last !== box && all.includes(last)) {
        const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
        all.slice(from, to + 1).forEach((row) => { row.checked = box.checked; });
      }
      last = box;
    }
    countRows(form);
  };
  const countAll = (root) => {
    const forms = new Set([...root.querySelectorAll("input[data-row]")].map((box) => box.form));
    forms.forEach((form) => form && countRows(form));
  };

  // ---- windows, menus, printing
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog) { event.preventDefault(); dialog.showModal(); }
    }
    const closer = event.target.closest("dialog [data-closes]");
    if (closer) { event.preventDefault(); closer.closest("dialog").close(); }
    if (event.target.closest("[data-prints]")) window.print();
    each(document, "details.menu[open]", (menu) => { if (!menu.contains(event.target)) menu.open = false; });
    chooseRows(event);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    each(document, "details.menu[open]", (menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // ---- a form is not sent twice by a double click
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    const button = event.submitter;
    if (button) button.classList.add("busy");
    setTimeout(() => {
      delete form.dataset.sent;
      if (button) button.classList.remove("busy");
    }, 5000);
  });

  // ---- what does not scroll is no stop on the way of the keyboard
  const stops = () => each(document, ".scroll", (box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  window.addEventListener("resize", stops);

  // ---- what goes wrong between the page and the office is said
  const say = (text) => {
    const template = document.getElementById("trouble");
    const region = document.getElementById("messages");
    if (!template || !region) return;
    const message = template.content.cloneNode(true);
    message.querySelector("[data-text]").textContent = text;
    region.replaceChildren(message);
    region.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("htmx:sendError", () => say("通信できませんでした。ネットワークを確かめて、もう一度行ってください。"));
  document.addEventListener("htmx:timeout", () => say("応答がありませんでした。しばらく待ってから、もう一度行ってください。"));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (status === 401) say("ログインの有効時間が過ぎました。画面を読み込み直して、ログインしてください。");
    else if (status === 403) say("この操作は許可されていません。権限を確かめるか、画面を読み込み直してください。");
    else if (status === 404) say("対象が見つかりませんでした。画面を読み込み直してください。");
    else if (status === 409) say("ほかの人が先に更新しました。画面を読み込み直して、内容を確かめてください。");
    else say("処理できませんでした。もう一度行っても続くときは、管理者に知らせてください。");
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    focusErrors(event.target);
    countAll(event.target);
    stops();
  });

  each(document, "dialog[data-reopens]", (dialog) => dialog.showModal());
  focusErrors(document);
  countAll(document);
  stops();
})();
