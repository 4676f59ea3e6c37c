"use strict";
/* Calibration: the curve, the band and the bars of one class; the words stand in the page. */
oddsmith.section("calibration", (data, tools) => {
  const {calibration_curve: curve, calibration_scores: scores} = tools.charts;
  const chooser = document.getElementById("calibration-class");
  const choose = (place) => {
    const one = data.classes[place];
    curve.load("curve", one.p.map((p, i) => ({
      p, observed: one.observed[i], lower: one.lower[i], upper: one.upper[i],
    })));
    const width = 1 / one.bars.length;
    scores.view.signal("most", Math.max(...one.bars));
    scores.load("bars", one.bars.flatMap((rows, i) => (
      rows ? [{from: i * width, to: (i + 1) * width, rows}] : []
    )));
    for (const words of document.querySelectorAll("[data-calibration]")) {
      words.hidden = Number(words.dataset.calibration) !== place;
    }
  };
  chooser?.addEventListener("change", () => choose(Number(chooser.value)));
  choose(chooser ? Number(chooser.value) : 0);
});
