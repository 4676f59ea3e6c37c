"""The report: one page on a fitted model, to hand to somebody who was not there."""
