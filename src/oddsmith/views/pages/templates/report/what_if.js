"use strict";
/* What if: encodes one row as the model does, and adds up what its columns contribute. */
oddsmith.section("what_if", (data, tools) => {
  const HUGE = 1e300;
  const FOUND = 20;
  const at = (name) => document.getElementById(`what_if-${name}`);
  const {columns, order, examples} = data;
  const two = data.classes.length === 2;
  const equations = data.intercept.length;
  const chooser = at("class");
  const state = columns.map((column) => column.typical ?? null);
  const knobs = new Map(); /* of the columns that have a control: how it shows its value */
  let loaded = {text: "A typical row: medians of numbers, and what is most frequent of all else.", values: [...state]};
  let near = 0; /* of the rows that can be loaded */

  /* ---- the model ---- */

  /* Pairs (coefficient, number) that a column's value adds to the margin of an equation. */
  const terms = (column, value, k) => {
    const coef = column.coef[k];
    if (column.kind === "category") {
      const place = column.places[value];
      return place < 0 ? [] : [[coef[place], 1]];
    }
    if (value !== null) return [[coef[0], value]];
    const filled = [[coef[0], column.fill]];
    return column.missing === undefined || column.missing < 0 ? filled : [...filled, [coef[column.missing], 1]];
  };
  const total = (pairs) => pairs.reduce((sum, [a, b]) => sum + a * b, 0);
  /* Scaled so that no product overflows: the sign, and which margin is the greatest, remain. */
  const SCALE = 2 ** -600;
  const scaled = (k) => columns.reduce(
    (sum, column, c) => sum + total(terms(column, state[c], k).map(([a, b]) => [a * SCALE, b * SCALE])),
    data.intercept[k] * SCALE * SCALE,
  );
  const bounded = (value) => Math.max(-HUGE, Math.min(HUGE, value));

  const answer = () => {
    const shares = columns.map((column, c) => data.intercept.map((_, k) => total(terms(column, state[c], k))));
    let margins = data.intercept.map((b, k) => shares.reduce((sum, share) => sum + share[k], b));
    const beyond = margins.some((z) => !Number.isFinite(z) || Math.abs(z) > HUGE);
    if (beyond) margins = data.intercept.map((_, k) => bounded(scaled(k) / SCALE / SCALE));
    let probabilities;
    if (two) {
      const [z] = margins;
      const small = Math.exp(-Math.abs(z));
      const p = (z >= 0 ? 1 : small) / (1 + small);
      const rest = (z <= 0 ? 1 : small) / (1 + small);
      probabilities = [rest, p];
    } else {
      const top = Math.max(...margins);
      const parts = margins.map((z) => Math.exp(z - top));
      const sum = parts.reduce((a, b) => a + b, 0);
      probabilities = parts.map((part) => part / sum);
    }
    return {shares, margins, probabilities, beyond};
  };

  /* What a list over the equations says of one class: alone, or against the mean of all. */
  const of = (values, k) => {
    if (two) return bounded(values[0]);
    const mean = values.reduce((a, v) => a + bounded(v) / equations, 0);
    return bounded(bounded(values[k]) - mean);
  };

  /* ---- what is shown ---- */

  const signed = (value) => (value > 0 ? "+" : "") + tools.figure(value, 3);
  const written = (column, value) => {
    if (column.kind === "category") return column.options[value];
    if (value === null) return "missing";
    if (column.kind === "boolean" && (value === 0 || value === 1)) return value ? "true" : "false";
    return String(Number(value.toPrecision(6)));
  };
  const element = (name, set = {}, ...inside) => {
    const made = Object.assign(document.createElement(name), set);
    made.append(...inside);
    return made;
  };

  const waterfall = ({shares, margins}, k) => {
    const parts = columns.map((column, c) => ({
      c, share: of(shares[c].map((v, e) => bounded(v) - column.average[e]), k),
    }));
    parts.sort((a, b) => Math.abs(b.share) - Math.abs(a.share) || a.c - b.c);
    const first = parts.slice(0, data.steps);
    const others = parts.slice(data.steps);
    const start = of(data.intercept.map((b, e) => columns.reduce((sum, column) => sum + column.average[e], b)), k);
    const end = of(margins, k);
    const steps = [{label: data.around, value: "", share: start, from: 0, to: start, ends: true}];
    let here = start;
    for (const {c, share} of first) {
      const value = written(columns[c], state[c]);
      steps.push({label: `${columns[c].name} = ${value}`, name: columns[c].name, value, share, from: here, to: bounded(here + share)});
      here = bounded(here + share);
    }
    if (others.length) {
      const share = bounded(others.reduce((sum, part) => bounded(sum + part.share), 0));
      steps.push({label: `${tools.count(others.length)} other columns`, value: "", share, from: here, to: bounded(here + share)});
    }
    steps.push({label: "this row", value: "", share: end, from: 0, to: end, ends: true});
    const ends = steps.flatMap(({from, to}) => [from, to]);
    const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
    const room = (high - low || 2) * 0.04;
    tools.charts.what_if.view.signal("span", [low - room, high + room]);
    tools.charts.what_if.load("steps", steps.map((step, place) => ({
      place, label: step.label, from: step.from, to: step.to, bold: step.ends ? 600 : 400,
      text: step.ends ? tools.figure(step.share, 3) : signed(step.share),
      joined: place < steps.length - 1 ? 1 : 0,
      colour: step.ends ? "var(--blue)" : step.share >= 0 ? "var(--green)" : "var(--vermilion)",
    })));
    at("steps").replaceChildren(...steps.map((step) => element(
      "tr", {},
      element("th", {scope: "row", textContent: step.name ?? step.label}),
      element("td", {textContent: step.value}),
      element("td", {}, element("data", {
        value: String(step.share), textContent: step.ends ? tools.figure(step.share, 4) : signed(step.share),
      })),
    )));
  };

  const MOST_CLASSES = 20;
  const list = (probabilities) => {
    const all = probabilities.map((p, k) => ({p, k}));
    if (all.length > MOST_CLASSES) all.sort((a, b) => b.p - a.p).splice(MOST_CLASSES);
    at("classes").replaceChildren(...all.map(({p, k}) => element(
      "tr", {},
      element("th", {scope: "row", textContent: data.classes[k]}),
      element("td", {}, element("meter", {min: 0, max: 1, value: p, ariaLabel: `probability of ${data.classes[k]}`})),
      element("td", {}, element("data", {value: String(p), textContent: tools.percent(p)})),
    )));
  };

  const update = () => {
    const found = answer();
    const k = two ? 1 : Number(chooser.value);
    const p = found.probabilities[k];
    const margin = of(found.margins, k);
    at("p").value = String(p);
    at("p").textContent = tools.percent(p);
    at("name").textContent = data.classes[k];
    at("margin").value = String(margin);
    at("margin").textContent = found.beyond ? (margin > 0 ? "beyond 1e300" : "below −1e300") : tools.figure(margin, 5);
    at("beyond").textContent = found.beyond
      ? "So far out the model itself refuses to score a row." : "";
    if (!two) list(found.probabilities);
    waterfall(found, k);
    const changed = state.filter((value, c) => value !== loaded.values[c]).length;
    at("state").textContent = loaded.text + (changed
      ? ` Changed since in ${changed === 1 ? "one column" : `${tools.count(changed)} columns`}.` : "");
  };

  /* ---- the controls ---- */

  const set = (c, value) => {
    state[c] = value;
    update();
  };

  const slider = (column) => {
    const {low, high} = column;
    const span = high - low;
    if (!(span > 0 && Number.isFinite(span))) return null;
    const steps = column.whole_numbers && span <= 500 ? span : 200;
    const digits = 2 - Math.floor(Math.log10(span / steps));
    const input = element("input", {type: "range", min: 0, max: steps, step: 1});
    const value = () => {
      const i = Number(input.value);
      if (i === 0) return low;
      if (i === steps) return high;
      const exact = low + span * (i / steps);
      if (column.whole_numbers) return Math.round(exact);
      return digits > 100 ? exact : Number(exact.toFixed(Math.max(0, digits)));
    };
    const show = (number) => {
      input.value = Math.round(((number - low) / span) * steps);
      input.setAttribute("aria-valuetext", String(number));
    };
    return {input, value, show};
  };

  const numberKnob = (column, c, id) => {
    const field = element("input", {type: "number", id, step: "any", inputMode: "decimal", required: true});
    const range = slider(column);
    range?.input.setAttribute("aria-label", `${column.name}, slider`);
    const absent = element("input", {type: "checkbox"});
    const read = () => {
      if (column.fill !== undefined && absent.checked) return set(c, null);
      if (field.value === "" || !field.validity.valid) return undefined;
      range?.show(Number(field.value));
      return set(c, Number(field.value));
    };
    const lock = () => {
      field.disabled = absent.checked;
      if (range) range.input.disabled = absent.checked;
    };
    field.addEventListener("input", read);
    range?.input.addEventListener("input", () => {
      field.value = String(range.value());
      range.input.setAttribute("aria-valuetext", field.value);
      set(c, Number(field.value));
    });
    absent.addEventListener("change", () => {
      lock();
      if (!absent.checked && field.value === "") field.value = String(column.low ?? 0);
      read();
    });
    const parts = range ? [range.input, field] : [element("span"), field];
    if (column.fill !== undefined) parts.push(element("label", {className: "missing"}, absent, " missing"));
    const show = (value) => {
      absent.checked = value === null;
      lock();
      field.value = value === null ? "" : String(value);
      if (value !== null) range?.show(value);
    };
    return {parts, show};
  };

  const booleanKnob = (column, c, id) => {
    const box = element("input", {type: "checkbox", id});
    const absent = element("input", {type: "checkbox"});
    const read = () => {
      box.disabled = absent.checked;
      set(c, absent.checked ? null : Number(box.checked));
    };
    box.addEventListener("change", read);
    absent.addEventListener("change", read);
    const parts = [element("span", {}, box)];
    if (column.fill !== undefined) parts.push(element("label", {className: "missing"}, absent, " missing"));
    const show = (value) => {
      absent.checked = value === null;
      box.disabled = absent.checked;
      box.checked = value === 1;
    };
    return {parts, show};
  };

  const categoryKnob = (column, c, id) => {
    const select = element("select", {id}, ...column.options.map(
      (text, k) => element("option", {value: String(k), textContent: text}),
    ));
    select.addEventListener("change", () => set(c, Number(select.value)));
    const parts = [select];
    if (column.left_out) {
      parts.push(element("span", {className: "small", textContent: `${tools.count(column.left_out)} rarer levels are not on this page`}));
    }
    return {parts, show: (value) => { select.value = String(value); }};
  };

  const KNOBS = {number: numberKnob, boolean: booleanKnob, category: categoryKnob};
  const add = (c, first = false) => {
    if (!knobs.has(c)) {
      const column = columns[c];
      const id = `what_if-column-${c}`;
      const {parts, show} = KNOBS[column.kind](column, c, id);
      const label = element("label", {htmlFor: id, textContent: column.name});
      if (column.whole !== undefined) label.title = column.whole;
      const knob = element("div", {className: `knob ${column.kind}`}, label, ...parts);
      if (first) at("controls").prepend(knob);
      else at("controls").append(knob);
      knobs.set(c, {show, knob});
      show(state[c]);
    }
    return knobs.get(c).knob;
  };
  const more = () => {
    const waiting = order.filter((c) => !knobs.has(c)).slice(0, data.shown);
    waiting.forEach((c) => add(c));
    tell();
  };
  const tell = () => {
    if (!at("more")) return;
    const rest = columns.length - knobs.size;
    at("count").textContent = `${tools.count(knobs.size)} of ${tools.count(columns.length)} columns are shown, those that move the model most first. The others keep the values of the row.`;
    at("more").hidden = rest === 0;
    at("more").textContent = `Show ${tools.count(Math.min(rest, data.shown))} more`;
  };
  const search = () => {
    const wanted = at("search").value.trim().toLowerCase();
    const hits = wanted === "" ? [] : order.filter(
      (c) => (columns[c].whole ?? columns[c].name).toLowerCase().includes(wanted),
    );
    at("found").replaceChildren(...hits.slice(0, FOUND).map((c) => {
      const button = element("button", {type: "button", className: "quiet", textContent: columns[c].name});
      button.addEventListener("click", () => {
        const knob = add(c, true);
        tell();
        knob.querySelector("input, select").focus();
      });
      return element("li", {}, button);
    }));
    if (hits.length > FOUND) {
      at("found").append(element("li", {className: "small", textContent: `and ${tools.count(hits.length - FOUND)} more`}));
    } else if (wanted !== "" && hits.length === 0) {
      at("found").append(element("li", {className: "small", textContent: "No column has this in its name."}));
    }
  };

  /* ---- rows ---- */

  const load = (values, text) => {
    values.forEach((value, c) => { state[c] = value; });
    loaded = {text, values: [...values]};
    for (const [c, {show}] of knobs) show(state[c]);
    update();
  };
  const typical = () => load(
    columns.map((column) => column.typical ?? null),
    "A typical row: medians of numbers, and what is most frequent of all else.",
  );
  const unit = data.unit[0].toUpperCase() + data.unit.slice(1);
  const row = (place, before = "") => {
    near = place;
    const number = examples.numbers[place];
    at("row").value = number;
    at("previous").disabled = place === 0;
    at("next").disabled = place === examples.numbers.length - 1;
    load(
      examples.values.map((column) => column[place]),
      `${before}${unit} ${number} of ${data.source}, truly “${data.classes[examples.classes[place]]}”.`,
    );
  };
  const wanted = () => {
    if (at("row").value === "") return;
    const number = Number(at("row").value);
    const distance = (place) => Math.abs(examples.numbers[place] - number);
    let nearest = 0;
    examples.numbers.forEach((_, place) => { if (distance(place) < distance(nearest)) nearest = place; });
    row(nearest, distance(nearest) === 0 ? "" : `${unit} ${number} is not on this page; the nearest one is. `);
  };

  at("more")?.addEventListener("click", more);
  at("search")?.addEventListener("input", search);
  at("reset").addEventListener("click", typical);
  chooser?.addEventListener("change", update);
  if (examples) {
    at("load").addEventListener("click", wanted);
    at("row").addEventListener("keydown", (event) => { if (event.key === "Enter") wanted(); });
    at("previous").addEventListener("click", () => row(Math.max(0, near - 1)));
    at("next").addEventListener("click", () => row(Math.min(examples.numbers.length - 1, near + 1)));
  }
  more();
  if (chooser) {
    const {probabilities} = answer();
    chooser.value = String(probabilities.indexOf(Math.max(...probabilities)));
  }
  update();
});
