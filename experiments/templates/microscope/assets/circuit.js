"use strict";
// The graph of a circuit: units in columns by layer, lines for the weights between those that are shown.
{
  const { element, load, page, state } = microscope;
  const layers = JSON.parse(document.getElementById("layers").textContent);
  const number = Object.fromEntries(layers.map((layer, i) => [layer.name, i]));
  const graph = document.getElementById("graph"), side = document.getElementById("chosen"), tools = document.getElementById("tools");
  const fields = tools.elements;
  const GROWN = 4, WIDE = 190, HIGH = 104, LEFT = 16, TOP = 34;
  let units = [], chosen = null;

  const parts = label => {
    const [layer, unit] = label.split(":");
    return { layer, unit: Number(unit) };
  };
  const known = label => {
    const { layer, unit } = parts(label);
    return layer in number && /^\d+$/.test(label.split(":")[1] || "") && unit < layers[number[layer]].units;
  };

  // Weights of a unit with those that it is strongest connected to, on one side.
  async function neighbours(label, way) {
    const { layer, unit } = parts(label);
    const found = (await load(`edges/${layer}`))[way];
    if (!found) return [];
    return found.units[unit].map((other, place) => ({
      label: `${found.layer}:${other}`, place, norm: found.norms[unit][place], net: found.nets[unit][place],
    }));
  }

  // Lines between the units that are shown; shares are of the strongest weight into the upper unit.
  async function lines() {
    const there = new Set(units), found = new Map();
    for (const label of units) {
      const inputs = await neighbours(label, "inputs");
      const full = inputs.length ? inputs[0].norm : 1;
      for (const one of inputs)
        if (there.has(one.label)) found.set(`${one.label} ${label}`, { from: one.label, to: label, place: one.place, share: one.norm / full, net: one.net });
    }
    for (const label of units)
      for (const one of await neighbours(label, "outputs")) {
        const key = `${label} ${one.label}`;
        if (there.has(one.label) && !found.has(key)) {
          const inputs = await neighbours(one.label, "inputs");
          found.set(key, { from: label, to: one.label, place: null, share: one.norm / inputs[0].norm, net: one.net });
        }
      }
    return [...found.values()];
  }

  function reached(edges) {
    const seen = new Set(units.slice(0, 1)), waiting = [...seen];
    while (waiting.length) {
      const label = waiting.pop();
      for (const edge of edges)
        for (const [near, far] of [[edge.from, edge.to], [edge.to, edge.from]])
          if (near === label && !seen.has(far)) {
            seen.add(far);
            waiting.push(far);
          }
    }
    return seen;
  }

  function placed(shown, edges) {
    const columns = new Map();
    for (const label of shown) {
      const at = number[parts(label).layer];
      columns.set(at, [...(columns.get(at) || []), label]);
    }
    const order = [...columns.keys()].sort((a, b) => a - b), places = new Map();
    const tallest = Math.max(...[...columns.values()].map(column => column.length), 1);
    order.forEach((at, x) => {
      const middle = label => {
        const pulls = edges.filter(e => e.to === label && places.has(e.from));
        const weight = pulls.reduce((sum, e) => sum + e.share, 0);
        return weight ? pulls.reduce((sum, e) => sum + e.share * places.get(e.from).y, 0) / weight : Infinity;
      };
      const column = columns.get(at).map((label, i) => [middle(label), i, label]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      const first = TOP + ((tallest - column.length) * HIGH) / 2;
      column.forEach(([, , label], y) => places.set(label, { x: LEFT + x * WIDE, y: first + y * HIGH }));
    });
    return { order, places, width: order.length * WIDE, height: TOP + tallest * HIGH };
  }

  async function draw() {
    const least = Number(fields.least.value) / 100;
    const edges = (await lines()).filter(edge => edge.share >= least);
    const joined = reached(edges);
    // Without pruning, units that nothing joins yet are shown as well.
    const shown = least > 0 ? units.filter(label => joined.has(label)) : units;
    const { order, places, width, height } = placed(shown, edges);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.setAttribute("aria-hidden", "true");
    for (const edge of edges) {
      const a = places.get(edge.from), b = places.get(edge.to);
      if (!a || !b) continue;
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const [x0, y0, x1, y1] = [a.x + 88, a.y + 32, b.x + 20, b.y + 32], bend = (x1 - x0) / 2;
      line.setAttribute("d", `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`);
      line.setAttribute("class", `edge ${edge.net < 0 ? "inhibits" : "excites"}`);
      line.setAttribute("stroke-width", 1 + 5 * edge.share);
      line.setAttribute("stroke-opacity", 0.35 + 0.5 * edge.share);
      line.dataset.edge = `${edge.from} ${edge.to}`;
      line.addEventListener("click", () => tell(edge));
      svg.append(line);
    }
    const heads = order.map((at, x) => element("h2", { style: `left:${LEFT + x * WIDE + 22}px;top:8px` }, layers[at].name));
    graph.replaceChildren(svg, ...heads, ...shown.map(label => node(label, places.get(label))));
    graph.style.height = `${Math.min(Math.max(height + 20, 380), 900)}px`;
    document.getElementById("said").textContent = units.length ? `${shown.length} of ${units.length} units, ${edges.length} weights` : "";
    document.getElementById("share").textContent = `${fields.least.value} %`;
    graph.dataset.drawn = `${units.join(",")} ${fields.least.value}`;
    if (chosen && places.has(chosen)) about(chosen, edges);
    else if (!units.length) side.replaceChildren(element("p", {}, "Add a unit to begin with, or choose “Its circuit” on a unit's page."));
    else side.replaceChildren(element("p", { class: "soft" }, "Choose a unit, or a line. ‹ grows the graph backwards from a unit, › forwards."));
  }

  function node(label, { x, y }) {
    const { layer, unit } = parts(label), at = number[layer];
    const back = element("button", { class: "grow", type: "button", "aria-label": `Grow backwards from ${label}` }, "‹");
    const icon = element("button", { class: `icon l${at}`, type: "button", style: `--i:${unit}`, "aria-label": label });
    const on = element("button", { class: "grow", type: "button", "aria-label": `Grow forwards from ${label}` }, "›");
    back.disabled = at === 0;
    on.disabled = at === layers.length - 1;
    back.addEventListener("click", () => grow(label, "inputs"));
    on.addEventListener("click", () => grow(label, "outputs"));
    icon.addEventListener("click", () => {
      chosen = label;
      draw();
    });
    const made = element("div", { class: `node${label === chosen ? " on" : ""}`, style: `left:${x}px;top:${y}px` }, back, icon, on, element("span", {}, String(unit)));
    made.dataset.unit = label;
    return made;
  }

  async function grow(label, way) {
    const fresh = (await neighbours(label, way)).map(one => one.label).filter(one => !units.includes(one)).slice(0, GROWN);
    chosen = label;
    change([...units, ...fresh]);
  }

  function change(next) {
    const least = fields.least.value === "0" ? "" : fields.least.value;
    const before = location.hash;
    state.write({ units: next.join(","), least });
    if (location.hash === before) restore();
  }

  const way = net => (net < 0 ? "inhibits" : "excites");
  const shown = net => `${net < 0 ? "" : "+"}${net.toPrecision(2)}`;

  function about(label, edges) {
    const { layer, unit } = parts(label);
    const remove = element("button", { type: "button" }, "Remove");
    remove.addEventListener("click", () => change(units.filter(one => one !== label)));
    const item = (edge, other, words) => element("li", {}, `${words} `, element("a", { href: page(parts(other).layer, parts(other).unit) }, other), ` ${shown(edge.net)} (${Math.round(100 * edge.share)} %)`);
    side.replaceChildren(
      element("h3", {}, element("a", { href: page(layer, unit) }, label)), remove,
      element("ol", {},
        ...edges.filter(e => e.to === label).map(e => item(e, e.from, e.net < 0 ? "inhibited by" : "excited by")),
        ...edges.filter(e => e.from === label).map(e => item(e, e.to, way(e.net)))),
    );
  }

  async function tell(edge) {
    chosen = null;
    document.querySelectorAll(".edge").forEach(line => line.classList.toggle("on", line.dataset.edge === `${edge.from} ${edge.to}`));
    const { layer, unit } = parts(edge.to);
    const text = `${edge.from} ${way(edge.net)} ${edge.to}: ${shown(edge.net)} in sum, ${Math.round(100 * edge.share)} % of its strongest.`;
    side.replaceChildren(element("p", {}, text));
    if (edge.place === null) return;
    const { rows, columns } = (await load(`edges/${layer}`)).inputs;
    const picture = new Image();
    picture.src = `${microscope.root}${layer}/${unit}/weights.png`;
    await picture.decode();
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `${edge.place * columns} 0 ${columns} ${rows}`);
    svg.setAttribute("class", "tile");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `weights between ${edge.from} and ${edge.to}`);
    const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
    image.setAttribute("href", picture.src);
    image.setAttribute("width", picture.naturalWidth);
    image.setAttribute("height", picture.naturalHeight);
    svg.append(image);
    side.append(svg);
  }

  function restore() {
    const { units: listed = "", least = "0" } = state.read();
    units = [...new Set(listed.split(",").filter(known))];
    fields.least.value = least;
    draw();
  }

  tools.addEventListener("submit", event => {
    event.preventDefault();
    const label = fields.add.value.trim().replace("/", ":");
    if (known(label)) {
      fields.add.value = "";
      chosen = label;
      change([...units, label]);
    } else document.getElementById("said").textContent = `No unit ${label}`;
  });
  fields.least.addEventListener("input", draw);
  fields.least.addEventListener("change", () => change(units));
  fields.clear.addEventListener("click", () => {
    chosen = null;
    change([]);
  });
  addEventListener("hashchange", restore);
  restore();
}
