// Every chart of the pages. Colours come from the style sheet, so that light, dark and paper differ
// there alone; schemes are told apart by colour and shape, and every target has a panel of its own.
"use strict";

// Okabe and Ito's colours, which the colour-blind can tell apart, darker or lighter where needed.
const COLOURS = {
  light: ["#0072b2", "#c25400", "#00805f", "#a8518a", "#8a6d00", "#2f86b8", "#5b5b5b"],
  dark: ["#56b4e9", "#f5873a", "#2fc7a0", "#e39ac6", "#e8c53a", "#9ad0f0", "#c8c8c8"],
};
const SHAPES = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "star", "pentagon", "hexagram"];
const NARROW = 620; // pixels: below, the panels of a chart stand one below the other
const PROMISES_NOTHING = "none";
const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");

const unique = (values) => [...new Set(values)];
const schemes = unique(overheard.entries.map((e) => e.scheme)).filter((s) => s !== PROMISES_NOTHING);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value ?? NaN);
const bar = (parts) => {
  const [value, low, high, ceiling] = parts.map(number);
  return { value, low, high, ceiling };
};

function colours() {
  return COLOURS[dark.matches && !paper.matches ? "dark" : "light"];
}
function look(scheme) {
  if (scheme === PROMISES_NOTHING) return { colour: css("--ink"), shape: "x" };
  const at = schemes.indexOf(scheme);
  return { colour: colours()[at % COLOURS.light.length], shape: SHAPES[at % SHAPES.length] };
}

function layout(x, y, panels = [""], more = {}) {
  const axis = {
    gridcolor: css("--chart-grid"), linecolor: css("--strong-line"), zeroline: false,
    ticks: "outside", tickcolor: css("--strong-line"), automargin: true,
  };
  const made = {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: css("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 10, r: 10, t: panels.length > 1 ? 28 : 12, b: 10 }, hovermode: "closest", showlegend: false, dragmode: finger ? false : "zoom",
    hoverlabel: { bgcolor: css("--raised"), bordercolor: css("--strong-line"), font: { color: css("--ink") }, align: "left" },
    ...(paper.matches ? { autosize: false, width: 660, height: 330 } : { autosize: true }),
    ...more,
  };
  const rows = stacked() ? panels.length : 1, columns = stacked() ? 1 : panels.length;
  if (panels.length > 1) {
    made.grid = { rows, columns, pattern: "coupled", xgap: 0.07, ygap: 0.16 };
    made.annotations = panels.map((panel, i) => ({
      text: `<b>${panel}</b>`, showarrow: false, x: 0.5, y: 1, xanchor: "center", yanchor: "bottom",
      xref: `${axes(i).xaxis} domain`, yref: `${axes(i).yaxis} domain`,
    }));
  }
  for (let i = 0; i < columns; i += 1) made[`xaxis${i ? i + 1 : ""}`] = { ...axis, ...x, title: { text: x.title, standoff: 8 }, ...(i ? { matches: "x" } : {}) };
  for (let i = 0; i < rows; i += 1) made[`yaxis${i ? i + 1 : ""}`] = { ...axis, ...y, title: { text: y.title, standoff: 8 }, ...(i ? { matches: "y" } : {}) };
  return made;
}
const stacked = () => !paper.matches && document.documentElement.clientWidth < NARROW;
// Panels side by side share the y axis, panels on top of each other the x axis.
function axes(panel) {
  const own = panel ? panel + 1 : "";
  return stacked() ? { xaxis: "x", yaxis: `y${own}` } : { xaxis: `x${own}`, yaxis: "y" };
}
// A finger scrolls the page, and has no use for buttons that would lie over the first panel.
const finger = matchMedia("(hover: none)").matches;
const CONFIG = { responsive: true, displayModeBar: finger ? false : "hover", displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };

function figures(estimate, scale = 1) {
  const e = bar(estimate);
  if (Number.isNaN(e.value)) return "not measured";
  const text = (x) => (Number.isFinite(x) ? (scale * x).toFixed(scale === 1 ? 2 : 1) : "∞");
  return `${text(e.value)} [${text(e.low)}, ${text(e.high)}]`;
}
function told(entry, attack) {
  return [
    `<b>${entry.title}</b>`,
    `ε ${entry.epsilon ?? "not promised"}${entry.epsilon && entry.unit !== "utterance" ? ` per ${entry.unit}` : ""}`,
    `WER % ${figures(entry.wer, 100)}`,
    `${overheard.attacks[attack].title} ${figures(entry.leak[attack])}`,
    `audited ε ${figures(entry.audited)}`,
    entry.status === "ok" ? "" : `<b>${entry.status}</b>`,
  ].filter(Boolean).join("<br>");
}

// Interval bars end where the chart would otherwise have to be endless.
function bars(points, scale = 1) {
  const arm = (end) => points.map((p) => (Number.isFinite(p[end]) ? scale * Math.abs(p[end] - p.value) : 0));
  return { type: "data", symmetric: false, array: arm("high"), arrayminus: arm("low"), thickness: 1.2, width: 3 };
}

// One trace for each scheme.
function traces(entries, attack, x, y) {
  const found = [];
  for (const scheme of [PROMISES_NOTHING, ...schemes]) {
    const own = entries.filter((e) => e.scheme === scheme);
    if (!own.length) continue;
    const { colour, shape } = look(scheme);
    const falsified = own.map((e) => e.status === "falsified");
    found.push({
      type: "scatter", mode: "markers", name: scheme,
      x: own.map((e) => x.at(e)), y: own.map((e) => y.at(e)),
      error_x: x.bars ? { ...x.bars(own), color: colour } : undefined,
      error_y: y.bars ? { ...y.bars(own), color: colour } : undefined,
      marker: {
        color: colour, symbol: shape,
        size: falsified.map((f) => (f ? 15 : 10)),
        line: { width: falsified.map((f) => (f ? 3 : 0)), color: falsified.map((f) => (f ? css("--bad") : colour)) },
      },
      text: own.map((e) => told(e, attack)), hovertemplate: "%{text}<extra></extra>",
      customdata: own.map((e) => e.name),
    });
  }
  return found;
}

// Where an entry stands on the ε axis: side by side with others at its ε, at the right without one.
function promises(entries) {
  const promised = unique(entries.map((e) => e.epsilon).filter((e) => e !== null)).sort((a, b) => a - b);
  const above = promised.filter((e) => e > 0); // what touches nothing private promises 0, which has no logarithm
  const least = Math.min(...above, 1), most = Math.max(...above, 1);
  const nothing = most * 4, zero = least / 5, free = above.length < promised.length;
  const start = free ? zero / 1.8 : least / 2.4;
  const present = schemes.filter((s) => entries.some((e) => e.scheme === s));
  // Prices come out a little below the ε asked for: what is within a tenth counts as one place.
  const gaps = above.slice(1).map((e, i) => Math.log10(e / above[i])).filter((gap) => gap > 0.05);
  const span = 0.6 * Math.min(1, ...gaps);
  const step = Math.min(0.09, span / Math.max(1, present.length));
  const at = (e) => (e.epsilon === null ? nothing : e.epsilon === 0 ? zero : e.epsilon * 10 ** (step * (present.indexOf(e.scheme) - (present.length - 1) / 2)));
  const values = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100].filter((v) => v > least / 2 && v < most * 2);
  const ticks = new Map(values.map((v) => [v, String(v)]));
  if (free) ticks.set(zero, "0");
  const open = entries.some((e) => e.epsilon === null);
  if (open) ticks.set(nothing, "∞");
  const axis = {
    title: "promised ε", type: "log", tickvals: [...ticks.keys()], ticktext: [...ticks.values()],
    range: [Math.log10(start), Math.log10(open ? nothing * 1.8 : most * 2.4)],
  };
  // Who steps aside still promises what it promises: there the edge of the false region is level.
  const half = (step * (present.length - 1)) / 2 + 0.02;
  const claimed = (x) => {
    if (free && x < 2 * zero) return 0;
    const off = (promise) => Math.abs(Math.log10(x / promise));
    const near = above.reduce((a, b) => (off(b) < off(a) ? b : a), Infinity);
    return off(near) <= half ? near : x;
  };
  return { at, axis, start, most, claimed };
}

const line = (style) => ({ color: css("--soft"), width: 1.3, ...style });

function overview(names, attack) {
  const entries = overheard.entries.filter((e) => names.includes(e.name) && e.status !== "superseded");
  const of = overheard.attacks[attack];
  const wer = { at: (e) => 100 * bar(e.wer).value, bars: (own) => bars(own.map((e) => bar(e.wer)), 100) };
  const leak = { at: (e) => bar(e.leak[attack]).value, bars: (own) => bars(own.map((e) => bar(e.leak[attack]))) };
  const audited = { at: (e) => bar(e.audited).value };
  const epsilon = promises(entries);
  const panels = unique(entries.map((e) => e.target)).sort();
  const guess = of.chance === null ? {} : {
    shapes: panels.map((_, i) => ({
      type: "line", xref: `${axes(i).xaxis} domain`, yref: axes(i).yaxis, x0: 0, x1: 1, y0: of.chance, y1: of.chance, line: line({ dash: "dash" }),
    })),
  };
  const each = (make) => panels.flatMap((target, i) =>
    make(entries.filter((e) => e.target === target)).map((trace) => ({ ...trace, ...axes(i) })));

  document.getElementById("charts").classList.toggle("panels", panels.length > 1);
  const height = stacked() && panels.length > 1 ? `${13 * panels.length + 4}rem` : "";
  for (const place of document.querySelectorAll("#charts .plot")) place.style.height = height;
  draw("wer-epsilon", each((own) => traces(own, attack, epsilon, wer)),
    layout(epsilon.axis, { title: "WER %", rangemode: "tozero" }, panels));
  draw("leak-epsilon", each((own) => traces(own, attack, epsilon, leak)),
    layout(epsilon.axis, { title: of.title }, panels, guess));
  draw("audit", each((own) => [...audit(own, entries, epsilon), ...traces(own, attack, epsilon, audited)]),
    layout(epsilon.axis, { title: "audited ε", rangemode: "tozero" }, panels));
  draw("pareto", each((own) => [front(own, wer.at, leak.at), ...traces(own, attack, wer, leak)]),
    layout({ title: "WER %" }, { title: of.title }, panels, guess));
  legend(entries);
}

function audit(entries, all, epsilon) {
  const proven = entries.map((e) => ({ x: epsilon.at(e), ...bar(e.audited) })).filter((p) => Number.isFinite(p.ceiling));
  const tops = all.flatMap((e) => [e.audited, ...Object.values(e.proofs)]).flatMap((p) => [bar(p).ceiling, bar(p).value]).filter(Number.isFinite);
  const top = Math.max(1, ...tops) * 1.05;
  // What is proven of the model at its worst, and of the mechanism, where it was measured.
  const further = [["audited_epsilon_worst_case", "worst case", "-open-dot"], ["audited_epsilon_mechanism", "mechanism", "-open"]].flatMap(([proof, said, hollow]) =>
    entries.filter((e) => e.proofs[proof]).map((e) => {
      const { colour, shape } = look(e.scheme), p = bar(e.proofs[proof]);
      return {
        type: "scatter", mode: "markers", x: [epsilon.at(e)], y: [p.value], customdata: [e.name],
        marker: { symbol: `${shape}${hollow}`, size: 10, color: colour, line: { width: 2, color: colour } },
        hovertemplate: `<b>${e.title}</b><br>${said}: at least ε = %{y:.2f}<extra></extra>`,
      };
    }));
  const { start, claimed } = epsilon, end = epsilon.most * 4;
  const steps = Array.from({ length: 400 }, (_, i) => start * (end / start) ** (i / 399)).filter((x) => claimed(x) <= top);
  const edge = steps.length ? steps : [start];
  const floor = edge.map((x) => Math.min(claimed(x), top));
  const still = { hoverinfo: "skip", type: "scatter", mode: "lines" };
  return [
    { ...still, x: [...edge, edge.at(-1), edge[0]], y: [...floor, top, top], fill: "toself", fillcolor: css("--chart-region"), line: { width: 0 } },
    { ...still, x: edge, y: floor, line: line({ dash: "dash" }) },
    { ...still, x: proven.flatMap((p) => [p.x, p.x, null]), y: proven.flatMap((p) => [p.value, p.ceiling, null]), line: line({ width: 1 }), opacity: 0.45 },
    {
      ...still, mode: "markers", hoverinfo: undefined, x: proven.map((p) => p.x), y: proven.map((p) => p.ceiling),
      hovertemplate: "ceiling %{y:.2f}<extra></extra>", marker: { symbol: "line-ew", size: 9, line: { width: 2, color: css("--soft") } },
    },
    ...further,
  ];
}

// A staircase through the entries that no other beats on both.
function front(entries, x, y) {
  const points = entries.map((e) => [x(e), y(e)]).filter((p) => p.every(Number.isFinite)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const best = [];
  for (const point of points) if (!best.length || point[1] < best.at(-1)[1]) best.push(point);
  return { type: "scatter", mode: "lines", x: best.map((p) => p[0]), y: best.map((p) => p[1]), line: line({ shape: "hv", width: 2 }), hoverinfo: "skip" };
}

function draw(id, data, settings) {
  const place = document.getElementById(id);
  Plotly.react(place, data, settings, CONFIG);
  if (place.dataset.listens) return;
  place.dataset.listens = "yes";
  place.on("plotly_click", (event) => {
    const name = event.points[0].customdata;
    if (name) location.href = `entries/${name}.html`;
  });
}

const OUTLINES = {
  circle: "M8 2a6 6 0 1 0 .01 0Z", square: "M2.7 2.7h10.6v10.6H2.7Z", diamond: "M8 1l7 7-7 7-7-7Z",
  "triangle-up": "M8 2l6.5 11h-13Z", "triangle-down": "M8 14l6.5-11h-13Z", cross: "M6 1.5h4V6h4.5v4H10v4.5H6V10H1.5V6H6Z",
  star: "M8 .8l2 5h5.2l-4.2 3.3 1.6 5.2L8 11.2l-4.6 3.1L5 9.1.8 5.8H6Z", pentagon: "M8 1.5l6.5 4.9-2.5 7.6H4L1.5 6.4Z",
  hexagram: "M8 1l2 3.5h4L12 8l2 3.5h-4L8 15l-2-3.5H2L4 8 2 4.5h4Z", x: "M3 1.5l5 5 5-5L14.5 3l-5 5 5 5L13 14.5l-5-5-5 5L1.5 13l5-5-5-5Z",
};

function legend(entries) {
  const present = [PROMISES_NOTHING, ...schemes].filter((s) => entries.some((e) => e.scheme === s));
  const items = present.map((scheme) => {
    const { colour, shape } = look(scheme);
    const span = document.createElement("span");
    const icon = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
    icon.append(svg("path", { d: OUTLINES[shape], fill: colour }));
    span.append(icon, scheme);
    return span;
  });
  document.getElementById("legend").replaceChildren(...items);
}

function svg(kind, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Curves: [{name, rates: [false positives, true positives]}], each with its own colour and dash.
function rocs(id, curves) {
  const DASHES = ["solid", "dash", "dashdot", "longdash", "dot"];
  const least = Math.min(...curves.map((c) => Math.min(...c.rates.flat().filter((r) => r > 0)))) / 2;
  const onto = (rates) => rates.map((rate) => Math.max(rate, least));
  const data = curves.map((curve, i) => ({
    type: "scatter", mode: "lines", name: curve.name, x: onto(curve.rates[0]), y: onto(curve.rates[1]),
    line: { color: colours()[i % COLOURS.light.length], width: 2.5, dash: DASHES[i % DASHES.length] },
    hovertemplate: `<b>${curve.name}</b><br>falsely accused %{x:.3g}<br>members found %{y:.3g}<extra></extra>`,
  }));
  const guessing = { type: "scatter", mode: "lines", name: "guessing", x: [least, 1], y: [least, 1], line: line({ dash: "4px,4px" }), hoverinfo: "skip" };
  const axis = { type: "log", range: [Math.log10(least), 0.03], exponentformat: "none", dtick: 1, minor: { showgrid: false } };
  Plotly.react(document.getElementById(id), [guessing, ...data],
    layout({ ...axis, title: "false positive rate" },
      { ...axis, title: "true positive rate" }, [""],
      { showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 } }), CONFIG);
}

// Drawn anew when the colours change, also on the way to paper.
function whenColoursChange(redraw) {
  for (const query of [dark, paper]) query.addEventListener("change", redraw);
}

if (document.getElementById("charts")) {
  const leak = document.getElementById("leak");
  let shown = [];
  const redraw = () => {
    const suites = unique(overheard.entries.filter((e) => shown.includes(e.name)).map((e) => e.suite));
    document.getElementById("mixed").hidden = suites.length < 2;
    document.getElementById("charts").hidden = suites.length > 1;
    if (suites.length === 1) overview(shown, leak.value);
  };
  document.addEventListener("shown", (event) => { shown = event.detail; redraw(); });
  leak.addEventListener("change", redraw);
  whenColoursChange(redraw);
  matchMedia(`(max-width: ${NARROW}px)`).addEventListener("change", redraw);
}
