"use strict";
/* The glue between the page and its charts: what is moved sets signals of Vega, and what Vega
   computes is written where data-shows asks for it. Nothing is drawn or computed here. */
(async () => {
  const page = JSON.parse(document.getElementById("page").textContent);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const options = {
    mode: "vega", ast: true, renderer: "svg", actions: false, defaultStyle: false,
    tooltip: false, config: page.config,
  };
  const controls = [...document.querySelectorAll("[data-signal]")];
  const has = (spec, name) => spec.signals.some((signal) => signal.name === name);

  const views = {};
  for (const [name, spec] of Object.entries(page.charts)) {
    for (const set of spec.data) {
      if (set.name in page.data) set.values = structuredClone(page.data[set.name]);
    }
    views[name] = (await vegaEmbed(document.getElementById(`chart-${name}`), spec, options)).view;
  }

  /* "boundary.runs.2.cost" is a chart, a signal of it, and a way into the signal's value. */
  for (const place of document.querySelectorAll("[data-shows]")) {
    const [chart, signal, ...way] = place.dataset.shows.split(".");
    const show = (_, value) => {
      place.textContent = way.reduce((inner, key) => inner?.[key], value) ?? "";
    };
    views[chart].addSignalListener(signal, show);
    show(signal, views[chart].signal(signal));
  }

  const move = (control) => {
    if (!control.validity.valid || control.value === "" || control.disabled) return;
    if (control.type === "radio" && !control.checked) return;
    const { signal } = control.dataset;
    for (const twin of controls) {
      if (twin !== control && twin.type !== "radio" && twin.dataset.signal === signal) {
        twin.value = control.value;
      }
    }
    for (const [name, spec] of Object.entries(page.charts)) {
      if (has(spec, signal)) views[name].signal(signal, Number(control.value)).run();
    }
  };
  for (const control of controls) {
    control.addEventListener("input", () => move(control));
    move(control); /* a browser that reloads a page keeps what was typed */
  }

  const play = document.getElementById("play");
  const epoch = document.getElementById("epoch");
  let timer = null;
  const pause = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const step = (stride) => {
    epoch.value = Number(epoch.value) + stride;
    move(epoch);
    if (epoch.value === epoch.max) pause();
  };
  play.addEventListener("click", () => {
    if (timer !== null) return pause();
    if (epoch.value === epoch.max) epoch.value = 0;
    play.textContent = "Pause";
    timer = calm.matches ? setInterval(step, 1500, 10) : setInterval(step, 80, 1);
    return undefined;
  });
  for (const control of controls) {
    if (control.dataset.signal === "epoch") control.addEventListener("input", pause);
  }
  document.documentElement.dataset.ready = "yes";
})();
