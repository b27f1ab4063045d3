"use strict";
// Page furniture and sortable tables. Plain DOM, nothing is fetched.

// --- furniture: links, theme, spreads, print ---
function addLinks(place, targets) { // [id, text] pairs
  for (const [id, text] of targets) {
    const link = document.createElement("a");
    link.href = "#" + id;
    link.textContent = text;
    place?.append(link);
  }
}
const found = (what) => [...document.querySelectorAll(what)];
addLinks(document.querySelector("header .links"), found("main > section").map((one) => [one.id, one.firstChild.textContent]));
addLinks(document.querySelector(".scenes"), found("h3[id]").map((one) => [one.id, one.textContent]));

const root = document.documentElement;
const remember = (value) => { try { localStorage.setItem("anypan-theme", value); } catch { /* storage is off */ } };
try { root.dataset.theme = localStorage.getItem("anypan-theme") ?? ""; } catch { /* storage is off */ }
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember(root.dataset.theme);
});

for (const button of document.querySelectorAll("button.spreads")) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", document.body.classList.toggle("spread"));
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));

for (const box of document.querySelectorAll(".choices input")) { // of a radar plot: whose outline is drawn
  const outlines = [...box.closest("figure").querySelectorAll("g[data-method]")];
  const show = () => outlines.find((one) => one.dataset.method === box.value).toggleAttribute("hidden", !box.checked);
  box.addEventListener("change", show);
  show(); // a browser may remember what was ticked
}

// --- tables: a click on a heading sorts, best first; missing values always last ---
function cellKey(cell) {
  const value = cell.dataset.key ?? cell.dataset.value;
  if (value === undefined) return cell.textContent;
  return value === "" ? null : Number(value);
}

function sortBy(table, column) {
  const head = table.tHead.rows[0].cells[column];
  const first = head.dataset.first ?? "ascending";
  const flip = { ascending: "descending", descending: "ascending" };
  const order = head.ariaSort ? flip[head.ariaSort] : first;
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const compare = (a, b) => {
    const [one, two] = [cellKey(a.cells[column]), cellKey(b.cells[column])];
    if (one === null || two === null) return (one === null) - (two === null);
    return sign * (typeof one === "number" ? one - two : one.localeCompare(two));
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortBy(table, column));
  });
}
