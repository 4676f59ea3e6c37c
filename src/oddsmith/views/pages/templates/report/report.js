"use strict";
/* The frame of the report's scripts: it draws the charts, and then gives each section its data.
   A section's script calls oddsmith.section(name, run); run(data, tools) is called once, when the
   charts stand. tools.charts[name].set({signal: value}) moves what a chart shows, and
   tools.charts[name].load(set, rows) gives it other rows. */
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
  const draw = async (page) => {
    const options = {
      mode: "vega", ast: true, renderer: "svg", actions: false, defaultStyle: false,
      tooltip: false, config: page.config,
    };
    const charts = {};
    for (const [name, spec] of Object.entries(page.charts)) {
      const place = document.getElementById(`chart-${name}`);
      charts[name] = handle((await vegaEmbed(place, spec, options)).view);
    }
    return charts;
  };
  return {
    section(name, run) {
      sections.set(name, run);
    },
    async start() {
      const page = JSON.parse(document.getElementById("page").textContent);
      const tools = {charts: await draw(page)};
      for (const [name, run] of sections) run(page.data[name], tools);
      document.documentElement.dataset.ready = "yes";
    },
  };
})();
