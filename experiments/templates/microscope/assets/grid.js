"use strict";
// Which units of a page of many are shown, and in which order. The address holds the choice.
{
  const { state } = microscope;
  const columns = JSON.parse(document.getElementById("grid").textContent);
  const form = document.getElementById("filters"), count = document.getElementById("count");
  const sheets = [...document.querySelectorAll(".sheet")].map(section => {
    const grid = section.querySelector(".grid");
    return { section, grid, data: columns[section.dataset.layer], links: [...grid.children] };
  });
  const fields = form.elements;

  function name(links, data) {
    links.forEach((link, unit) => {
      const words = data.words[unit];
      link.title = words ? `${data.layer}:${unit} · ${words}` : `${data.layer}:${unit}`;
    });
  }

  function shown(data, unit) {
    const find = fields.find.value.trim().toLowerCase();
    if (fields.family.value && !data.families[unit].includes(fields.family.value)) return false;
    if (fields.branch.value && data.branches[unit] !== fields.branch.value) return false;
    if (!find) return true;
    return /^\d+$/.test(find) ? String(unit) === find : `${data.layer}:${unit} ${data.words[unit]}`.toLowerCase().includes(find);
  }

  function arrange() {
    let total = 0;
    for (const { section, grid, data, links } of sheets) {
      const key = data.sorts[fields.sort.value];
      const order = links.map((_, unit) => unit);
      // What has no number comes last.
      if (key) order.sort((a, b) => (key[a] ?? Infinity) - (key[b] ?? Infinity) || a - b);
      if (fields.reverse.checked) order.reverse();
      let here = 0;
      links.forEach((link, unit) => {
        link.hidden = !shown(data, unit);
        here += !link.hidden;
      });
      grid.replaceChildren(...order.map(unit => links[unit]));
      section.hidden = !here;
      total += here;
    }
    count.textContent = `${total.toLocaleString("en")} shown`;
  }

  function restore() {
    const { find = "", family = "", branch = "", sort = "number", reverse = "" } = state.read();
    Object.entries({ find, family, branch, sort }).forEach(([key, value]) => (fields[key].value = value));
    if (!fields.sort.value) fields.sort.value = "number";
    fields.reverse.checked = Boolean(reverse);
    arrange();
  }

  form.addEventListener("input", () => {
    const { find, family, branch, sort, reverse } = fields;
    arrange();
    state.write({
      find: find.value, family: family.value, branch: branch.value,
      sort: sort.value === "number" ? "" : sort.value, reverse: reverse.checked ? "1" : "",
    });
  });
  form.addEventListener("submit", event => event.preventDefault());
  addEventListener("hashchange", restore);
  sheets.forEach(({ links, data }) => name(links, data));
  restore();
}
