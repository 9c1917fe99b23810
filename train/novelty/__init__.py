"""How well anomaly scores tell infected cells from healthy ones: baselines, thresholds, studies."""
