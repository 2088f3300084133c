"use strict";

// The page is fetched again and put in place of what is shown, so that what was unfolded
// stays so and the page does not jump.
const interval = 5000; // milliseconds

const unfolded = root => [...root.querySelectorAll("details[data-key]")];

function show(fresh) {
  const open = new Set(unfolded(document).filter(d => d.open).map(d => d.dataset.key));
  const focus = document.activeElement.closest("details[data-key]")?.dataset.key;
  for (const d of unfolded(fresh)) d.open = open.has(d.dataset.key);
  for (const part of ["header", "main"]) document.querySelector(part).replaceWith(fresh.querySelector(part));
  if (focus !== undefined) unfolded(document).find(d => d.dataset.key === focus)?.querySelector("summary").focus({preventScroll: true});
}

function refresh() {
  // What a person is selecting must not vanish.
  if (document.hidden || getSelection().type === "Range") return again();
  const request = new XMLHttpRequest();
  request.open("GET", location.pathname);
  request.responseType = "document";
  request.timeout = 2 * interval;
  request.onload = () => {
    if (request.status === 200 && request.response?.querySelector("main") && getSelection().type !== "Range") show(request.response);
  };
  request.onerror = request.ontimeout = () => {
    const state = document.querySelector(".state");
    state.className = "state bad";
    state.textContent = "postern does not answer; this page is old.";
  };
  request.onloadend = again;
  request.send();
}

let timer;
function again() {
  clearTimeout(timer);
  timer = setTimeout(refresh, interval);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

// navigator.clipboard is missing where the page comes by plain HTTP from another machine.
document.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (!button) return;
  getSelection().selectAllChildren(button.parentElement.querySelector("pre"));
  button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  if (button.textContent === "Copied") getSelection().removeAllRanges();
});

again();
