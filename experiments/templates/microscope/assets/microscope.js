"use strict";
// What every page does: loads data, finds units, answers to keys. Scripts are not modules, and data comes as scripts,
// because browsers let pages that were opened from disk load nothing else.
const microscope = (() => {
  const root = document.documentElement.dataset.root;
  const waiting = new Map();
  const there = new Map();

  function take(name, content) {
    there.set(name, content);
    (waiting.get(name) || []).forEach(resolve => resolve(content));
    waiting.delete(name);
  }

  function load(name) {
    if (there.has(name)) return Promise.resolve(there.get(name));
    return new Promise((resolve, reject) => {
      if (waiting.has(name)) return waiting.get(name).push(resolve);
      waiting.set(name, [resolve]);
      const script = document.createElement("script");
      script.src = `${root}data/${name}.js`;
      script.onerror = () => reject(new Error(`cannot load ${name}`));
      document.head.append(script);
    });
  }

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const page = (layer, unit) => `${root}${layer}/${unit}/index.html`;

  // Parts of the address behind #, which hold a page's state.
  const state = {
    read: () => Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
    write(values) {
      const kept = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
      const text = new URLSearchParams(kept).toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
      if (location.hash.slice(1) !== text) location.hash = text;
    },
  };

  return { root, take, load, element, page, state };
})();

{
  const { element, load, page } = microscope;
  const input = document.getElementById("search"), list = document.getElementById("found");
  const most = 12;
  let place = -1;

  function matches(index, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    if (!words.length) return found;
    index.layers.forEach((layer, number) => {
      for (let unit = 0; unit < layer.units && found.length < most; unit++) {
        const label = `${layer.name}:${unit}`;
        const said = `${label} ${layer.words[unit] || ""}`.toLowerCase();
        // A whole number means the unit of that number.
        if (words.every(word => (/^\d+$/.test(word) ? String(unit) === word : said.includes(word.replace("/", ":")))))
          found.push({ layer, number, unit, label, words: layer.words[unit] || "" });
      }
    });
    return found.sort((a, b) => (b.label === text) - (a.label === text));
  }

  async function show() {
    const found = matches(await load("index"), input.value.trim());
    place = -1;
    list.replaceChildren(...found.map((one, i) => element("li", { role: "option", id: `found-${i}`, "aria-selected": "false" },
      element("a", { href: page(one.layer.name, one.unit), tabindex: "-1" },
        element("span", { class: `icon l${one.number}`, style: `--i:${one.unit}` }),
        element("span", {}, one.label, document.createElement("br"), element("span", { class: "soft" }, one.words))))));
    if (!found.length && input.value.trim()) list.append(element("li", { class: "soft" }, "No unit found"));
    list.hidden = !list.children.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  }

  function choose(step) {
    const options = [...list.querySelectorAll("[role=option]")];
    if (!options.length) return;
    place = (place + step + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === place)));
    input.setAttribute("aria-activedescendant", options[place].id);
    options[place].scrollIntoView({ block: "nearest" });
  }

  input.addEventListener("input", show);
  input.addEventListener("keydown", event => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      const links = list.querySelectorAll("a");
      if (links.length) links[Math.max(place, 0)].click();
    } else if (event.key === "Escape") {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
    }
  });
  document.addEventListener("click", event => {
    if (!event.target.closest(".search")) list.hidden = true;
  });

  const ways = { ArrowLeft: "prev", ArrowRight: "next", ArrowUp: "up", g: "circuit" };
  document.addEventListener("keydown", event => {
    if (event.target.closest("input, select, textarea, .map") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      input.focus();
    } else if (ways[event.key]) {
      const link = document.querySelector(`a[rel=${ways[event.key]}]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
    }
  });
}
