"use strict";
/* The threshold: what stands under a position of the slider was counted over all rows when the page
   was made; here it is looked up, added and divided. */
oddsmith.section("threshold", (data, tools) => {
  const MOST_DRAWN = 1000;
  const {threshold_scores: scores, threshold_roc: roc, threshold_precision: pr} = tools.charts;
  const at = (name) => document.getElementById(`threshold-${name}`);
  const slider = at("slider");
  const typed = at("typed");
  const costs = [at("cost-fp"), at("cost-fn")];
  const chooser = at("class");

  const grouped = (value) => value.toLocaleString("en-US", {maximumSignificantDigits: 6});
  const count = (value) => (data.weighted ? grouped(value) : value.toLocaleString("en-US"));
  const money = (value) => {
    const size = Math.abs(value);
    return size === 0 || (size >= 1e-4 && size < 1e9) ? grouped(value) : value.toExponential(4);
  };
  const share = (value) => (Number.isNaN(value) ? "undefined" : value.toFixed(4));
  const show = (name, value, text) => {
    at(name).value = Number.isNaN(value) ? "undefined" : String(value);
    at(name).textContent = text;
  };

  /* What a position yields. fn and tn are the rest of their class, and are only there where weights
     would lose digits. Without rows to divide by there is NaN. */
  const yields = (one, place) => {
    const tp = one.tp[place];
    const fp = one.fp[place];
    const fn = one.fn ? one.fn[place] : one.tp[0] - tp;
    const tn = one.tn ? one.tn[place] : one.fp[0] - fp;
    const recall = tp / (tp + fn);
    const specificity = tn / (tn + fp);
    const sides = Math.sqrt(tp + fp) * Math.sqrt(tp + fn) * Math.sqrt(tn + fp) * Math.sqrt(tn + fn);
    return {
      tp, fp, fn, tn, recall, specificity,
      accuracy: (tp + tn) / (tp + tn + fp + fn),
      precision: tp / (tp + fp),
      f1: (2 * tp) / (2 * tp + fp + fn),
      balanced: (recall + specificity) / 2,
      mcc: (tp * tn - fp * fn) / sides,
      fallout: fp / (fp + tn),
    };
  };
  const price = (y, [fp, fn]) => fp * y.fp + fn * y.fn;

  /* As ThresholdCurve.best chooses: of equals, to rounding, the one with the highest balanced
     accuracy, and of these the highest. */
  const SLACK = 64 * Number.EPSILON;
  const best = (value, size = 1) => {
    const values = table.map(value);
    const top = values.reduce((a, b) => (b > a ? b : a), -Infinity);
    const slack = SLACK * (size ?? Math.abs(top));
    const tied = [];
    values.forEach((v, place) => {
      if (v >= top - slack) tied.push(place);
    });
    const spread = Math.max(...tied.map((place) => table[place].balanced));
    const place = tied.findLast((one_of) => table[one_of].balanced >= spread - SLACK);
    return {place, ties: tied.length};
  };
  const RULES = [["f1", "F"], ["accuracy", "A"], ["balanced", "B"], ["mcc", "M"]];

  /* At most so many positions, at even distances along the curve. */
  const thinned = (points) => {
    if (points.length <= MOST_DRAWN) return points;
    const way = [0];
    for (let i = 1; i < points.length; i += 1) {
      const [a, b] = [points[i - 1], points[i]];
      way.push(way[i - 1] + Math.abs(b.x - a.x) + Math.abs(b.y - a.y));
    }
    const step = way[way.length - 1] / (MOST_DRAWN - 2);
    let next = 0;
    return points.filter((_, i) => {
      if (way[i] < next && i < points.length - 1) return false;
      next = (Math.floor(way[i] / step) + 1) * step;
      return true;
    });
  };

  let one = null; /* the class, and the rest against it */
  let table = []; /* what each position yields */
  let bests = {};
  let now = 0;

  const numbers = () => costs.map((field) => (field.validity.valid ? Number(field.value) : NaN));
  const label = (place) => (one.short[place] === null ? "above every score" : String(one.short[place]));

  const sentence = (y) => {
    const all = `Of ${count(y.tp + y.fn)} rows that truly are “${one.name}”, ${count(y.tp)} are found`;
    const flagged = y.tp + y.fp;
    if (!flagged) return `No row is predicted “${one.name}” at this threshold.`;
    return `${all}; of ${count(flagged)} that are predicted “${one.name}”, ${count(y.tp)} truly are.`;
  };

  const measure = (y) => {
    for (const name of ["tp", "fp", "fn", "tn"]) show(name, y[name], count(y[name]));
    for (const name of ["precision", "recall", "specificity", "f1", "accuracy", "fallout"]) {
      show(name, y[name], share(y[name]));
    }
    show("roc-recall", y.recall, share(y.recall));
    show("pr-recall", y.recall, share(y.recall));
    show("pr-precision", y.precision, share(y.precision));
    const over = (a, b) => `${count(a)} / ${count(b)}`;
    const rows = y.tp + y.fp + y.fn + y.tn;
    at("precision-parts").textContent = over(y.tp, y.tp + y.fp);
    at("recall-parts").textContent = over(y.tp, y.tp + y.fn);
    at("specificity-parts").textContent = over(y.tn, y.tn + y.fp);
    at("f1-parts").textContent = over(2 * y.tp, 2 * y.tp + y.fp + y.fn);
    at("accuracy-parts").textContent = over(y.tp + y.tn, rows);
    const total = price(y, numbers());
    show("cost", total / rows, Number.isNaN(total) ? "undefined" : money(total / rows));
    at("cost-parts").textContent = Number.isNaN(total) ? "type both costs" : `${money(total)} in total`;
  };

  /* Where the decisions change, when the slider has every score. */
  const where = (place) => {
    const last = one.score.length - 1;
    if (place === last) return `Position ${count(last + 1)} of ${count(last + 1)}: above the greatest score.`;
    return `Position ${count(place + 1)} of ${count(last + 1)}: the same rows are positive up to the score ${one.score[place]}.`;
  };

  const move = (place, keep = false) => {
    now = place;
    const y = table[place];
    const text = label(place);
    slider.value = place;
    slider.setAttribute("aria-valuetext", text);
    if (!keep) typed.value = one.short[place] ?? "";
    at("where").textContent = where(place);
    at("words").textContent = sentence(y);
    measure(y);
    const x = one.short[place] ?? 1;
    scores.set({x});
    roc.set({x: y.fallout, y: y.recall});
    const on = Number.isNaN(y.precision) ? 0 : 1;
    pr.set({x: y.recall, y: on ? y.precision : 0, on});
    for (const button of document.querySelectorAll("[data-best]")) {
      const here = bests[button.dataset.best]?.place === place;
      if (here) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  };

  /* Letters that would lie on those before them go so many steps (of LINE of the height) down. */
  const LINE = 0.06;
  const apart = (rows, x, y) => rows.reduce((done, row) => {
    const before = done.at(-1);
    const height = (one, step) => (y === null ? 0 : one[y]) - LINE * step;
    const wide = before ? 0.012 * (row.letters.length + before.letters.length) + 0.015 : 0;
    const below = (step) => height(before, before.step) - height(row, step);
    let step = 0;
    if (Math.abs(row[x] - before?.[x]) < wide && Math.abs(below(0)) < LINE) while (below(step) < 0.99 * LINE) step += 1;
    return [...done, {...row, step}];
  }, []);

  /* Best positions: all rules for a class, the cost whenever a field changes. */
  const mark = () => {
    const places = new Map();
    const now_costs = numbers();
    const known = !now_costs.some(Number.isNaN);
    const rules = known ? [...RULES, ["cost", "C"]] : RULES;
    if (known) bests.cost = best((y) => -price(y, now_costs), null);
    else delete bests.cost;
    for (const [name, letter] of rules) {
      const {place} = bests[name];
      places.set(place, [...(places.get(place) ?? []), letter]);
    }
    for (const button of document.querySelectorAll("[data-best]")) {
      const name = button.dataset.best;
      const found = bests[name];
      button.disabled = !found;
      button.textContent = found ? label(found.place) : "—";
      button.setAttribute("aria-label", `${button.textContent}: go to the best by ${button.dataset.rule}`);
      if (!found) show(`best-${name}`, NaN, "");
      else if (name === "cost") {
        const y = table[found.place];
        const each = price(y, now_costs) / (y.tp + y.fp + y.fn + y.tn);
        show("best-cost", each, money(each));
      } else show(`best-${name}`, table[found.place][name], share(table[found.place][name]));
    }
    const rows = [...places].sort(([a], [b]) => a - b).map(([place, letters]) => {
      const y = table[place];
      const on = Number.isNaN(y.precision) ? 0 : 1;
      return {
        at: Math.min(one.short[place] ?? 1, 1), letters: letters.join(" "), fallout: y.fallout,
        recall: y.recall, precision: on ? y.precision : 0, on,
      };
    });
    scores.load("bests", apart(rows, "at", null));
    roc.load("bests", apart(rows, "fallout", "recall")); /* These go down, */
    pr.load("bests", apart(rows.toReversed(), "recall", "precision")); /* and these too. */
    const tied = rules.filter(([name]) => bests[name].ties > 1).map(([, letter]) => letter);
    at("ties").textContent = tied.length
      ? `By ${tied.join(", ")} several positions are equally good: of these, the one with the highest balanced accuracy is taken, and then the highest threshold.`
      : "";
  };

  const draw = () => {
    const [positive, negative] = [table[0].tp, table[0].fp];
    const [up, down] = one.bars;
    const width = 1 / up.length;
    const bars = [];
    for (const [side, whole, sign] of [[up, positive, 1], [down, negative, -1]]) {
      side.forEach((rows, i) => {
        if (rows) bars.push({from: i * width, to: (i + 1) * width, height: (sign * rows) / whole});
      });
    }
    const heights = bars.map((bar) => bar.height);
    scores.view.signal("positive", one.box).signal("negative", one.rest_box)
      .signal("span", [Math.min(...heights), Math.max(...heights)]);
    scores.load("bars", bars);
    /* From the greatest threshold down, so that recall grows. */
    const downwards = [...table].reverse();
    const line = (x, y) => thinned(downwards.filter((v) => !Number.isNaN(v[y])).map((v) => ({x: v[x], y: v[y]})));
    const curve = line("fallout", "recall");
    roc.load("curve", curve);
    pr.view.signal("share", positive / (positive + negative));
    pr.load("curve", line("recall", "precision"));
    const m = one.score.length;
    const every = one.scores + 1 === m;
    at("how").textContent = [
      every
        ? `The slider stands at each of the ${count(one.scores)} distinct scores, and above them.`
        : `There are ${count(one.scores)} distinct scores; the slider stands at ${count(m)} positions: quantiles of the distinct scores, and all that can be the best by a cost.`,
      "The counts at every position are over all rows.",
      table.length > MOST_DRAWN ? `The two curves are drawn through ${count(MOST_DRAWN)} of the positions at the most; the point on them, the marks and the numbers are exact.` : "",
    ].join(" ");
  };

  const choose = (place) => {
    one = data.classes[place];
    table = one.tp.map((_, i) => yields(one, i));
    bests = Object.fromEntries(
      RULES.map(([name]) => [name, best((y) => (Number.isNaN(y[name]) ? -Infinity : y[name]))]),
    );
    for (const part of document.querySelectorAll("#threshold [data-class]")) {
      part.textContent = one[part.dataset.class];
    }
    slider.max = one.score.length - 1;
    draw();
    mark();
    move(one.start);
  };

  /* The position whose rows are those with a score of at least x, or the nearest one to it. */
  const snapped = (x) => {
    const last = one.score.length - 1;
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (one.score[middle] >= x) high = middle;
      else low = middle + 1;
    }
    const same = one.scores === last || low === 0 || low === last || x >= one.short[low];
    if (same || x - one.score[low - 1] > one.score[low] - x) return {place: low, same};
    return {place: low - 1, same};
  };
  const type = () => {
    if (typed.value === "" || !typed.validity.valid) return;
    const {place, same} = snapped(Number(typed.value));
    move(place, true);
    if (String(one.short[place]) !== String(Number(typed.value))) {
      at("where").textContent = same
        ? `The same rows are positive at ${typed.value} as at the position ${label(place)}: no score lies between.`
        : `The slider has no position with just these rows; the nearest one, ${label(place)}, is shown.`;
    }
  };

  slider.addEventListener("input", () => move(Number(slider.value)));
  typed.addEventListener("input", type);
  for (const field of costs) {
    field.addEventListener("input", () => {
      mark();
      move(now, true);
    });
  }
  for (const button of document.querySelectorAll("[data-best]")) {
    button.addEventListener("click", () => move(bests[button.dataset.best].place));
  }
  chooser?.addEventListener("change", () => choose(Number(chooser.value)));
  choose(chooser ? Number(chooser.value) : 0);
});
