"""From probabilities to a choice: thresholds, calibration, comparison."""
