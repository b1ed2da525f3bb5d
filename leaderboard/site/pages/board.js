// The table of the leaderboard: sort, filter, choose two. The state is in the address after "#".
"use strict";

const table = document.getElementById("board");
const body = table.tBodies[0];
const rows = [...body.rows];
const filters = document.getElementById("filters");
const tray = document.getElementById("tray");
const FIELDS = ["suite", "target", "scheme", "status"];
const MOST = 2; // entries in a comparison
const PAGE = 200; // rows that are shown at once, until more are asked for
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
let chosen = [];
let fitting = new Set(rows);
let most = PAGE;

function read() {
  const state = new URLSearchParams(location.hash.slice(1));
  if (!state.size) return;
  for (const name of [...FIELDS, "search"]) {
    const field = filters.elements[name];
    if (field && state.has(name)) field.value = state.get(name);
  }
  const heading = table.querySelector(`thead th.${CSS.escape(state.get("sort") ?? "-")}`);
  if (heading) sort(heading, state.get("order") === "descending" ? "descending" : "ascending");
}

function write() {
  const state = new URLSearchParams();
  for (const name of [...FIELDS, "search"]) {
    const value = filters.elements[name]?.value;
    if (value || name === "suite") state.set(name, value ?? "");
  }
  const sorted = table.querySelector("thead th:not([aria-sort=none])[aria-sort]");
  if (sorted) {
    state.set("sort", sorted.classList[0]);
    state.set("order", sorted.ariaSort);
  }
  history.replaceState(null, "", `#${state}`);
}

function sort(heading, order) {
  const column = heading.cellIndex;
  const numeric = heading.classList.contains("number");
  const sign = order === "ascending" ? 1 : -1;
  const key = (row) => row.cells[column].dataset.sort;
  const compare = (a, b) => {
    // What was not measured stands last, whichever way the rest is sorted.
    if (!key(a) || !key(b)) return !key(a) - !key(b);
    if (numeric) return key(a) === key(b) ? 0 : sign * (Number(key(a)) - Number(key(b)));
    return sign * key(a).localeCompare(key(b));
  };
  body.append(...[...rows].sort(compare));
  paginate();
  for (const other of table.tHead.rows[0].cells) {
    if (other.hasAttribute("aria-sort")) other.ariaSort = other === heading ? order : "none";
  }
}

function filter() {
  const words = filters.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const suite = filters.elements.suite.value;
  fitting = new Set(rows.filter((row) => {
    const fits = FIELDS.every((name) => {
      const value = filters.elements[name].value;
      return !value || row.dataset[name] === value;
    });
    return fits && words.every((word) => texts.get(row).includes(word));
  }));
  most = PAGE;
  paginate();
  table.classList.toggle("one", Boolean(suite));
  for (const line of document.querySelectorAll(".conditions")) line.hidden = suite && line.dataset.suite !== suite;
  for (const run of document.querySelectorAll(".run")) run.hidden = suite && !run.dataset.suites.split(", ").includes(suite);
  document.getElementById("nothing").hidden = fitting.size > 0;
  document.dispatchEvent(new CustomEvent("shown", { detail: [...fitting].map((row) => row.id) }));
}

// Shows the first rows of those that fit, in the order of the table.
function paginate() {
  let shown = 0;
  for (const row of body.rows) {
    row.hidden = !fitting.has(row) || shown >= most;
    if (!row.hidden) shown += 1;
  }
  const all = fitting.size;
  document.getElementById("count").textContent =
    (all === 1 ? "1 entry" : `${all} entries`) + (shown < all ? `, the first ${shown} shown` : "");
  document.getElementById("more").hidden = shown >= all;
}

function choose() {
  const ready = chosen.length === MOST;
  const titles = chosen.map((box) => overheard.entries.find((e) => e.name === box.value).title);
  tray.hidden = !chosen.length;
  document.getElementById("tray-text").textContent = titles.join("  and  ") + (ready ? "" : ": choose one more");
  const link = document.getElementById("tray-link");
  link.href = `compare.html#${chosen.map((box, i) => `${"ab"[i]}=${box.value}`).join("&")}`;
  if (ready) link.removeAttribute("aria-disabled");
  else link.setAttribute("aria-disabled", "true");
}

table.tHead.addEventListener("click", (event) => {
  const heading = event.target.closest("button")?.closest("th");
  if (!heading) return;
  sort(heading, heading.ariaSort === "ascending" ? "descending" : "ascending");
  write();
});
body.addEventListener("change", (event) => {
  const box = event.target;
  chosen = chosen.filter((other) => other !== box);
  if (box.checked) chosen.push(box);
  // A third choice takes the place of the first.
  if (chosen.length > MOST) chosen.shift().checked = false;
  choose();
});
document.getElementById("next").addEventListener("click", () => { most += PAGE; paginate(); });
document.getElementById("all").addEventListener("click", () => { most = Infinity; paginate(); });
document.getElementById("tray-clear").addEventListener("click", () => {
  for (const box of chosen) box.checked = false;
  chosen = [];
  choose();
});
filters.addEventListener("input", () => { filter(); write(); });
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(() => { filter(); write(); }));
window.addEventListener("hashchange", () => { read(); filter(); });

// A browser that comes back to the page keeps boxes checked.
chosen = [...body.querySelectorAll("input:checked")].slice(0, MOST);
choose();
read();
filter();
