/* The forest and the table of coefficients: both show the same columns in the same order. */
oddsmith.section("coefficients", (data, tools) => {
  const find = (id) => document.getElementById(id);
  const table = find("coefficients-table");
  const body = table.tBodies[0];
  const heads = [...table.querySelectorAll("thead button")];
  const state = {k: 0, scaled: data.deviation !== null, by: "size", down: true, words: "", all: false};
  const lower = data.names.map((name) => name.toLowerCase());
  const collator = new Intl.Collator("en", {numeric: true});
  const LARGEST = Math.log(Number.MAX_VALUE);

  const ratio = (value) => {
    if (value > LARGEST) return "> 1.8e308";
    const found = Math.exp(value);
    return found === 0 ? "< 4.9e−324" : tools.figure(found);
  };
  const by = (j) => (state.scaled ? data.deviation[j] ?? 0 : 1);
  const effect = (j) => data.coef[state.k][j] * by(j);
  const error = (j) => {
    const found = data.error?.[state.k][j] ?? null;
    return found === null ? null : found * by(j);
  };
  const p = (j) => data.p?.[state.k][j] ?? null;
  const keys = {
    size: (j) => Math.abs(effect(j)),
    coefficient: effect,
    p: (j) => p(j) ?? Infinity,
  };

  const order = () => {
    const places = data.names.map((_, j) => j);
    const words = state.words.trim().toLowerCase();
    const found = words === "" ? places : places.filter((j) => lower[j].includes(words));
    const sign = state.down ? -1 : 1;
    if (state.by === "name") return found.sort((a, b) => sign * collator.compare(data.names[a], data.names[b]));
    const values = places.map(keys[state.by]);
    const apart = (a, b) => (values[a] === values[b] ? 0 : values[a] - values[b]);
    return found.sort((a, b) => sign * apart(a, b) || a - b);
  };

  const cell = (text, name = "td") => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };
  const row = (j) => {
    const made = document.createElement("tr");
    const head = cell("", "th");
    const shown = tools.short(data.names[j]);
    head.scope = "row";
    if (shown === data.names[j]) head.textContent = shown;
    else {
      const whole = cell(shown, "span");
      whole.title = data.names[j];
      head.append(whole);
    }
    made.append(head, cell(tools.figure(effect(j))), cell(ratio(effect(j))));
    if (data.error !== null) {
      const half = error(j) === null ? null : data.z * error(j);
      const ends = half === null ? "not estimated" : `${ratio(effect(j) - half)} to ${ratio(effect(j) + half)}`;
      made.append(cell(ends), cell(p(j) === null ? "undefined" : tools.pText(p(j))));
    }
    return made;
  };

  /* Ends of the axis (nats): all ratios, and of intervals what does not press them together. */
  const reach = (drawn) => {
    const far = Math.max(...drawn.map((j) => Math.abs(effect(j))), 0);
    const most = Math.min(far + Math.max(far, Math.log(3)), 690);
    let [low, high] = [-0.05, 0.05];
    for (const j of drawn) {
      const half = data.z * (error(j) ?? 0);
      low = Math.min(low, Math.max(effect(j) - half, -most));
      high = Math.max(high, Math.min(effect(j) + half, most));
    }
    const room = 0.03 * (high - low);
    return [Math.max(low - room, -700), Math.min(high + room, 700)];
  };
  /* Powers of ten, few of them; or 1, 2 and 5 times these; or even steps where all are close. */
  const ticks = (low, high) => {
    const decades = (high - low) / Math.LN10;
    const [first, last] = [low, high].map((end) => Math.floor(end / Math.LN10));
    const inside = (value) => Math.log(value) >= low && Math.log(value) <= high;
    if (decades < 0.7) {
      const [from, to] = [Math.exp(low), Math.exp(high)];
      const rough = (to - from) / 4;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((m) => m * power).find((found) => found >= rough);
      const count = Math.floor((to - 1) / step) + Math.floor((1 - from) / step) + 1;
      const start = -Math.floor((1 - from) / step);
      return Array.from({length: count}, (_, i) => Number((1 + (start + i) * step).toPrecision(12)));
    }
    const stride = Math.max(1, Math.ceil(decades / 5));
    const found = [];
    for (let power = first; power <= last; power += 1) {
      if (power % stride !== 0) continue;
      for (const times of decades < 3 ? [1, 2, 5] : [1]) found.push(Number(`${times}e${power}`));
    }
    return found.filter(inside);
  };
  const draw = (drawn) => {
    const [low, high] = reach(drawn);
    const inside = (value) => Math.exp(Math.min(Math.max(value, low), high));
    const rows = drawn.map((j, place) => {
      const at = effect(j);
      const half = data.z * (error(j) ?? 0);
      return {
        place, name: tools.short(data.names[j]), up: at >= 0, ratio: inside(at),
        low: inside(at - half), high: inside(at + half), lower: at - half < low, higher: at + half > high,
      };
    });
    const unit = state.scaled ? "per standard deviation" : "per unit";
    const {view} = tools.charts.forest;
    view.signal("domain", [Math.exp(low), Math.exp(high)]).signal("ticks", ticks(low, high)).signal("title", `odds ratio ${unit}`);
    tools.charts.forest.load("rows", rows);
  };

  const show = () => {
    const found = order();
    const listed = state.all ? found : found.slice(0, data.rows);
    body.replaceChildren(...listed.map(row));
    draw(found.slice(0, data.drawn));
    find("coefficients-per").textContent = state.scaled ? "per standard deviation" : "per unit";
    find("intercept").textContent = tools.figure(data.intercept[state.k]);
    const last = find("intercept-p");
    if (last) {
      const value = data.intercept_p[state.k];
      last.textContent = value === null ? "undefined" : tools.pText(value);
    }
    for (const head of heads) {
      const cellOf = head.parentElement;
      if (head.dataset.sort === state.by) cellOf.ariaSort = state.down ? "descending" : "ascending";
      else cellOf.removeAttribute("aria-sort");
    }
    const some = state.words.trim() === "" ? "" : `${tools.count(found.length)} of ${tools.count(data.names.length)} columns found. `;
    find("coefficients-says").textContent = some + (listed.length < found.length
      ? `The table shows the first ${tools.count(listed.length)} of ${tools.count(found.length)}.` : "");
    find("forest-says").textContent = found.length > data.drawn
      ? `Drawn are the first ${data.drawn} of ${tools.count(found.length)}, in the order of the table.` : "";
  };

  for (const head of heads) {
    head.addEventListener("click", () => {
      const by = head.dataset.sort;
      state.down = state.by === by ? !state.down : by === "size" || by === "coefficient";
      state.by = by;
      show();
    });
  }
  find("coefficients-class")?.addEventListener("change", (event) => {
    state.k = Number(event.target.value);
    show();
  });
  find("coefficients-unit")?.addEventListener("change", (event) => {
    state.scaled = event.target.value === "deviation";
    show();
  });
  find("coefficients-search")?.addEventListener("input", (event) => {
    state.words = event.target.value;
    show();
  });
  find("coefficients-all")?.addEventListener("click", (event) => {
    state.all = !state.all;
    event.target.textContent = state.all ? `Show the first ${data.rows}` : `Show all ${tools.count(data.names.length)}`;
    show();
  });
  show();
});
