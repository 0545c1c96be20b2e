"use strict";
// The activation atlas: a map that is moved and enlarged, on which the regions of a class stand out.
{
  const { element, state } = microscope;
  const atlas = JSON.parse(document.getElementById("cells").textContent);
  const map = document.getElementById("map"), plane = document.getElementById("plane");
  const form = document.getElementById("filters"), said = document.getElementById("said");
  const fields = form.elements, CELL = 40, side = CELL * Math.max(atlas.rows, atlas.columns);
  let view = { x: 0, y: 0, zoom: 1 };

  const fit = () => Math.min(map.clientWidth, map.clientHeight) / side;
  const within = zoom => Math.min(Math.max(zoom, fit() / 2), fit() * 16);

  const cells = atlas.cells.map((cell, i) => {
    const wide = CELL * cell.size, off = (CELL - wide) / 2;
    const classes = cell.classes.join(", ");
    const made = element("button", { class: "cell", type: "button", title: classes, "aria-label": `${classes || "region"}; ${cell.samples} samples` });
    Object.assign(made.style, {
      left: `${cell.column * CELL + off}px`, top: `${cell.row * CELL + off}px`, width: `${wide}px`, height: `${wide}px`,
      backgroundImage: "url(sprites/atlas.webp)", backgroundSize: `${atlas.across * wide}px auto`,
      backgroundPosition: `${-(i % atlas.across) * wide}px ${-Math.floor(i / atlas.across) * wide}px`,
    });
    made.addEventListener("focus", () => (said.textContent = `${classes || "no class"} · ${cell.samples} samples of ${cell.photographs} photographs`));
    made.addEventListener("click", () => made.focus());
    plane.append(made);
    return { cell, made };
  });

  function whole() {
    const zoom = fit();
    view = { x: (map.clientWidth - side * zoom) / 2, y: (map.clientHeight - side * zoom) / 2, zoom };
  }

  function show() {
    plane.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
  }

  function zoomed(factor, x = map.clientWidth / 2, y = map.clientHeight / 2) {
    const zoom = within(view.zoom * factor), change = zoom / view.zoom;
    view = { x: x - (x - view.x) * change, y: y - (y - view.y) * change, zoom };
    show();
  }

  function write() {
    const middle = at => ((at / 2 - (at === map.clientWidth ? view.x : view.y)) / view.zoom / CELL).toFixed(2);
    state.write({ class: fields.class.value, x: middle(map.clientWidth), y: middle(map.clientHeight), zoom: view.zoom.toFixed(3) });
  }

  function filter() {
    const wanted = fields.class.value;
    let count = 0;
    for (const { cell, made } of cells) {
      const on = !wanted || cell.classes.includes(wanted);
      made.classList.toggle("dim", !on);
      made.classList.toggle("on", Boolean(wanted) && on);
      count += on;
    }
    said.textContent = wanted ? `${count} regions for ${wanted}` : `${count} regions`;
  }

  function restore() {
    const { class: wanted = "", x, y, zoom } = state.read();
    fields.class.value = wanted;
    whole();
    if (Number(zoom) > 0) {
      view.zoom = within(Number(zoom));
      view.x = map.clientWidth / 2 - Number(x || 0) * CELL * view.zoom;
      view.y = map.clientHeight / 2 - Number(y || 0) * CELL * view.zoom;
    }
    filter();
    show();
  }

  let held = null, settle = 0;
  const later = () => {
    clearTimeout(settle);
    settle = setTimeout(write, 250);
  };
  map.addEventListener("pointerdown", event => (held = { x: event.clientX - view.x, y: event.clientY - view.y }));
  addEventListener("pointermove", event => {
    if (!held) return;
    view = { ...view, x: event.clientX - held.x, y: event.clientY - held.y };
    show();
  });
  addEventListener("pointerup", () => {
    if (held) later();
    held = null;
  });
  map.addEventListener("wheel", event => {
    event.preventDefault();
    const box = map.getBoundingClientRect();
    zoomed(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
    later();
  }, { passive: false });
  map.addEventListener("keydown", event => {
    const move = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (move) view = { ...view, x: view.x + move[0], y: view.y + move[1] };
    else if (event.key === "+") zoomed(1.4);
    else if (event.key === "-") zoomed(1 / 1.4);
    else return;
    event.preventDefault();
    show();
    later();
  });
  fields.in.addEventListener("click", () => (zoomed(1.4), write()));
  fields.out.addEventListener("click", () => (zoomed(1 / 1.4), write()));
  fields.whole.addEventListener("click", () => (whole(), show(), write()));
  fields.class.addEventListener("input", () => (filter(), write()));
  addEventListener("hashchange", restore);
  restore();
}
