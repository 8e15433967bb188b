#!/usr/bin/env python3
"""Makes tests/data/eval/statistics.json: statistics of known samples by NumPy and SciPy, for the tests of
framework/eval/value_statistics.h.

    pip install numpy scipy==1.17.1
    scripts/make_statistics_fixtures.py

Samples are rows of groups, stored as float32. Distances are of pooled groups: min-max normalized against U[0, 1],
standardized against N(0, 1). Wasserstein-1 against a million quantiles of the distribution. The tests themselves need
no Python.
"""
import json
import pathlib

import numpy as np
from scipy import stats

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/data/eval/statistics.json"
rng = np.random.default_rng(80820)
GROUPS, SIZE = 24, 64
QUANTILES = (np.arange(1_000_000) + 0.5) / 1_000_000


def of(x):
    x = x.astype(np.float64)
    flat = x.ravel()
    unit = (x - x.min(1, keepdims=True)) / np.ptp(x, axis=1)[:, None]
    standard = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    rms = np.sqrt((x**2).mean(1))
    return {
        "mean": flat.mean(), "variance": flat.var(), "skewness": stats.skew(flat), "min": flat.min(), "max": flat.max(),
        "excess_kurtosis": stats.kurtosis(flat), "max_over_rms": np.abs(flat).max() / np.sqrt((flat**2).mean()),
        "minmax_usage": np.sqrt((12 * x.var(1) / np.ptp(x, axis=1) ** 2).mean()),
        "ks_uniform": stats.kstest(unit.ravel(), "uniform").statistic,
        "w1_uniform": stats.wasserstein_distance(unit.ravel(), QUANTILES),
        "ks_gaussian": stats.kstest(standard.ravel(), "norm").statistic,
        "w1_gaussian": stats.wasserstein_distance(standard.ravel(), stats.norm.ppf(QUANTILES)),
        "group_nonuniformity": np.mean([stats.kstest(row, "uniform").statistic for row in unit]),
        "group_spread": rms.std() / rms.mean(),
    }


shape = (GROUPS, SIZE)
samples = {
    "gaussian": rng.normal(0, 1, shape), "uniform": rng.uniform(-2, 1, shape), "laplace": rng.laplace(3, 0.5, shape),
    "student": rng.standard_t(3, shape), "exponential": rng.exponential(2, shape),
    "scaled_groups": rng.normal(0, 1, shape) * np.exp(rng.normal(0, 1, (GROUPS, 1))),
}
codes = rng.choice(16, size=2048, p=stats.binom.pmf(np.arange(16), 15, 0.5))
out = {
    "group_size": SIZE,
    "samples": [{"name": name, "values": [float(f"{v:.9g}") for v in x.astype(np.float32).ravel()],
                 "statistics": {k: float(v) for k, v in of(x.astype(np.float32)).items()}} for name, x in samples.items()],
    "codes": {"values": codes.tolist(), "entropy": float(stats.entropy(np.bincount(codes), base=2))},
}
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(out) + "\n")
