// Two entries side by side. Which, is in the address after "#": a=NAME&b=NAME.
"use strict";

const form = document.getElementById("pair");
const attack = document.getElementById("attack");
const sides = () => ["a", "b"].map((side) => form.elements[side].value);
const entryOf = (name) => overheard.entries.find((e) => e.name === name);

// A script, because a page opened from a file may fetch nothing else.
function load(name) {
  if (overheard.details[name]) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `entries/${name}.js`;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

function cell(kind, text, ...classes) {
  const made = document.createElement(kind);
  made.textContent = text;
  made.classList.add(...classes);
  return made;
}

function withInterval(found) {
  const made = cell("td", found ? found[0] : "-");
  if (found?.[1]) {
    const small = document.createElement("small");
    small.textContent = found[1];
    made.append(small);
  }
  return made;
}

// Both intervals on one line, A above B: do they overlap?
function intervals(found) {
  const made = document.createElement("td");
  const known = found.map((f) => bar(f ? f[2] : [null, null, null]));
  const ends = known.flatMap((e) => [e.value, e.low, e.high]).filter(Number.isFinite);
  const low = Math.min(...ends), high = Math.max(...ends);
  if (!(high > low)) return made;
  const drawing = svg("svg", { viewBox: "0 0 200 26", class: "overlap", "aria-hidden": "true" });
  const at = (x) => 6 + (188 * (Math.min(Math.max(x, low), high) - low)) / (high - low);
  known.forEach((e, i) => {
    if (Number.isNaN(e.value)) return;
    const y = 7 + 12 * i, fill = colours()[i];
    if (!Number.isNaN(e.low)) drawing.append(svg("line", { x1: at(e.low), x2: at(e.high), y1: y, y2: y, stroke: fill, "stroke-width": 3, "stroke-linecap": "round", opacity: 0.65 }));
    drawing.append(i ? svg("rect", { x: at(e.value) - 4, y: y - 4, width: 8, height: 8, fill }) : svg("circle", { cx: at(e.value), cy: y, r: 4.5, fill }));
  });
  made.append(drawing);
  return made;
}

function heading(text) {
  const row = document.createElement("tr");
  row.className = "group";
  const made = cell("th", text);
  made.colSpan = 5;
  made.scope = "rowgroup";
  row.append(made);
  return row;
}

function lineOf(name, ...cells) {
  const row = document.createElement("tr");
  const made = cell("th", name);
  made.scope = "row";
  row.append(made, ...cells);
  return row;
}

function difference(found) {
  const [x, y] = found.map((f) => (f ? bar(f[2]).value : NaN));
  // Beyond nine decimals the two differ by rounding alone.
  const less = Number((y - x).toFixed(9));
  if (!Number.isFinite(less)) return "-";
  return (less > 0 ? "+" : "") + Number(less.toPrecision(3));
}

function compared(a, b) {
  const told = Object.keys(a.facts).map((name) => lineOf(name, cell("td", a.facts[name]), cell("td", b.facts[name]), cell("td", ""), cell("td", "")));
  const rows = [heading("the entry"), ...told];
  for (const group of unique([...Object.keys(a.figures), ...Object.keys(b.figures)])) {
    const both = [a.figures[group] ?? {}, b.figures[group] ?? {}];
    rows.push(heading(group));
    for (const name of unique(both.flatMap(Object.keys))) {
      const found = both.map((side) => side[name]);
      rows.push(lineOf(name, ...found.map(withInterval), cell("td", difference(found), "number"), intervals(found)));
    }
  }
  document.querySelector("#figures tbody").replaceChildren(...rows);
}

async function show() {
  const names = sides();
  const ready = names.every(entryOf);
  document.getElementById("comparison").hidden = !ready;
  document.getElementById("waiting").hidden = ready;
  document.getElementById("unlike").hidden = !ready || entryOf(names[0]).suite === entryOf(names[1]).suite;
  history.replaceState(null, "", `#${names.map((name, i) => `${"ab"[i]}=${name}`).join("&")}`);
  if (!ready) return;
  await Promise.all(names.map(load));
  const [a, b] = names.map((name) => overheard.details[name]);
  for (const [i, id] of ["head-a", "head-b"].entries()) {
    const link = document.createElement("a");
    link.href = `entries/${names[i]}.html`;
    link.textContent = `${"AB"[i]}: ${entryOf(names[i]).title}`;
    document.getElementById(id).replaceChildren(link);
  }
  const before = attack.value;
  const common = Object.keys(a.roc).filter((name) => name in b.roc);
  attack.replaceChildren(...common.map((name) => new Option(name)));
  if (common.includes(before)) attack.value = before;
  compared(a, b);
  curves();
}

function curves() {
  const drawable = Boolean(attack.value);
  document.getElementById("roc").closest("section").hidden = !drawable;
  if (!drawable) return;
  rocs("roc", sides().map((name, i) => ({
    name: `${"AB"[i]}: ${entryOf(name).title}`, rates: overheard.details[name].roc[attack.value],
  })));
}

function read() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const side of ["a", "b"]) if (entryOf(state.get(side))) form.elements[side].value = state.get(side);
  show();
}

form.addEventListener("change", show);
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("swap").addEventListener("click", () => {
  const [a, b] = sides();
  form.elements.a.value = b;
  form.elements.b.value = a;
  show();
});
attack.addEventListener("change", curves);
window.addEventListener("hashchange", read);
whenColoursChange(() => sides().every(entryOf) && show());
read();
