"use strict";
// Keeps the page up to date. The daemon sends the content as server-sent events, made of the same data as the page
// itself. Elements are changed in place, so that focus, selection and scroll position stay.

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

// Makes an element like a fresh one. Children with a key or an id are found again wherever they are.
function morph(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const keyOf = (node) => node.nodeType === 1 && (node.dataset.key || node.id);
  const known = new Map();
  for (const child of old.childNodes) if (keyOf(child)) known.set(keyOf(child), child);
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const match = key ? known.get(key) : place && !keyOf(place) && place.nodeName === wanted.nodeName ? place : null;
    if (!match) {
      old.insertBefore(document.importNode(wanted, true), place);
    } else {
      if (match === place) place = place.nextSibling;
      else old.insertBefore(match, place);
      known.delete(key);
      if (match.nodeType !== 1) {
        if (match.data !== wanted.data) match.data = wanted.data;
      } else if (match.id !== "search") {
        morph(match, wanted);
      }
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

const parse = (text) => new DOMParser().parseFromString(text, "text/html").body.firstElementChild;

function setTitle(title, level) {
  if (document.title !== title) document.title = title;
  const address = `icon/${level}.svg`;
  if (byId("icon").getAttribute("href") !== address) byId("icon").setAttribute("href", address);
}

// What was shown last stays, dimmed, with the time of which it is true.
function dim(words) {
  root.classList.add("gone");
  setTitle(`\u2717 ${words} - codemint`, "stopped");
  let line = byId("gone");
  if (!line) {
    line = document.createElement("p");
    line.id = "gone";
    line.className = "verdict stopped";
    line.setAttribute("role", "alert");
    byId("asof").after(line);
  }
  const text = words[0].toUpperCase() + words.slice(1) + ". What is below was true at the time above.";
  if (line.textContent !== text) line.textContent = text;
}

function show(text) {
  const main = byId("main");
  morph(main, parse(text));
  root.classList.remove("gone");
  byId("gone")?.remove();
  setTitle(main.dataset.title, main.dataset.level);
  search();
}

// Hides jobs that do not have the text that is searched for.
function search() {
  const wanted = byId("search")?.value.trim().toLowerCase() ?? "";
  for (const job of document.querySelectorAll("#job-list > li, #finished tbody > tr")) {
    job.hidden = wanted !== "" && !job.textContent.toLowerCase().includes(wanted);
  }
}

let heardAt = Date.now();

function connect() {
  const events = new EventSource("live" + location.search);
  const on = (name, act) => events.addEventListener(name, (event) => {
    heardAt = Date.now();
    act(event.data);
  });
  on("page", show);
  on("time", (text) => morph(byId("asof"), parse(text)));
  on("gone", dim);
  // A browser reconnects by itself after a lost connection, but not after an answer that was no stream, for example
  // because too many browsers show the page.
  events.addEventListener("error", () => {
    dim("the daemon does not answer");
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
  });
}

document.addEventListener("click", (event) => {
  if (!event.target.matches?.(".copy")) return;
  const code = event.target.previousElementSibling;
  const said = () => {
    event.target.textContent = "copied";
    setTimeout(() => { event.target.textContent = "copy"; }, 2000);
  };
  // Browsers lend the clipboard only to pages that came by https or from this machine.
  if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(said, () => {});
  else getSelection().selectAllChildren(code);
});

root.classList.add("live");
if (byId("verdict") && byId("numbers")) {
  byId("search").addEventListener("input", search);
  search();
  connect();
  setInterval(() => { if (Date.now() - heardAt > 20000) dim("the daemon does not answer"); }, 1000);
} else if (byId("verdict")) {
  // There was nothing to show.
  setTimeout(() => location.reload(), 5000);
}
