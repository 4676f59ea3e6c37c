"use strict";
/* The frame of the report's scripts: it draws the charts, and then gives each section its data.
   A section's script calls oddsmith.section(name, run); run(data, tools) is called once, when the
   charts stand. tools.charts[name].set({signal: value}) moves what a chart shows, and
   tools.charts[name].load(set, rows) gives it other rows. tools.figure(number, digits),
   tools.pText(number), tools.percent(share) and tools.count(number) write numbers as the text of
   the page does; tools.short(text, letters) cuts a name in its middle. */
const oddsmith = (() => {
  const sections = new Map();
  const handle = (view) => ({
    view,
    set(values) {
      for (const [name, value] of Object.entries(values)) view.signal(name, value);
      view.run();
    },
    load(set, rows) {
      view.data(set, rows).run();
    },
  });

  const figure = (value, digits = 4) => {
    if (value === null || value === undefined) return "";
    if (Number.isNaN(value)) return "undefined";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    const power = Number(exponent);
    const plain = power >= -4 && power < digits;
    const text = plain ? value.toFixed(digits - 1 - power) : `${mantissa}e${power}`;
    return text.replaceAll("-", "−");
  };
  const pText = (value) => {
    if (value === null || value === undefined) return "";
    if (Number.isNaN(value)) return "undefined";
    return value < 1e-4 ? "< 0.0001" : value.toFixed(4);
  };
  const percent = (share, places = 1) => {
    if (Number.isNaN(share)) return "undefined";
    if (share === 0 || share === 1) return `${100 * share}%`;
    const text = (100 * share).toFixed(places);
    const least = 10 ** -places;
    if (Number(text) === 100) return `> ${(100 - least).toFixed(places)}%`;
    return Number(text) === 0 ? `< ${least.toFixed(places)}%` : `${text}%`;
  };
  const grouped = new Intl.NumberFormat("en-US", {maximumFractionDigits: 0});
  const count = (number) => grouped.format(number);
  const short = (text, letters = 40) => {
    const all = Array.from(text);
    if (all.length <= letters) return text;
    const tail = Math.floor((letters - 3) / 2);
    return `${all.slice(0, letters - 3 - tail).join("")}...${all.slice(-tail).join("")}`;
  };

  const options = (config) => ({
    mode: "vega", ast: true, renderer: "svg", actions: false, defaultStyle: false,
    tooltip: false, config,
  });
  const draw = async (page) => {
    const charts = {};
    for (const [name, spec] of Object.entries(page.charts)) {
      const place = document.getElementById(`chart-${name}`);
      charts[name] = handle((await vegaEmbed(place, spec, options(page.config))).view);
    }
    return charts;
  };
  /* The text of the page is painted before anything is drawn. */
  const painted = () => new Promise((resolve) => {
    const late = setTimeout(resolve, 300);
    requestAnimationFrame(() => setTimeout(() => {
      clearTimeout(late);
      resolve();
    }));
  });
  const words = {count, figure, pText, percent, short};
  return {
    words,
    section(name, run) {
      sections.set(name, run);
    },
    async start() {
      await painted();
      const page = JSON.parse(document.getElementById("page").textContent);
      const tools = {charts: await draw(page), ...words};
      for (const [name, run] of sections) run(page.data[name], tools);
      document.documentElement.dataset.ready = "yes";
    },
  };
})();
