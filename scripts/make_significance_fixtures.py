#!/usr/bin/env python3
"""Makes tests/data/analysis/significance.json: p-values of SciPy, for the tests of analysis/significance.h.

    pip install scipy==1.11.4
    scripts/make_significance_fixtures.py

Paired t-test, Welch's t, Wilcoxon's signed rank under its options, exact McNemar (binomtest) and Spearman's rank
correlation. Exact Wilcoxon with ties or Pratt's zeros, which SciPy does not have, is counted over all assignments of
signs. The tests themselves need no Python.
"""
import itertools
import json
import pathlib

import numpy as np
from scipy import stats

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/data/analysis/significance.json"
rng = np.random.default_rng(20240)


def counted_p(ranks, statistic):
    """Two-sided: twice the share of sign assignments whose positive ranks sum to at most the statistic."""
    sums = [sum(r for r, s in zip(ranks, signs) if s) for signs in itertools.product([0, 1], repeat=len(ranks))]
    return min(1.0, 2 * float(np.mean(np.array(sums) <= statistic + 1e-9)))


samples = {
    "small": rng.normal(0.3, 1, 5), "windows": rng.normal(0.01, 0.02, 8), "many": rng.normal(-0.1, 1, 148),
    "strong": rng.normal(2, 0.1, 12), "tiny_p": rng.normal(5, 0.1, 40),
    "tied": np.array([1, 1, -1, 2, 2, 2, -3, 4, 4, 5.0]), "zeros": np.array([0, 0, 1, -2, 3, 3, -4, 5, 6, 0, 7.0]),
    "many_tied": rng.integers(-6, 8, 90).astype(float),
}
names = {"wilcox": "discard", "pratt": "pratt", "zsplit": "split"}
out = {"samples": {k: list(v) for k, v in samples.items()}, "t": [], "welch": [], "wilcoxon": [], "mcnemar": [], "spearman": []}
for name, d in samples.items():
    r = stats.ttest_1samp(d, 0)
    out["t"].append({"sample": name, "statistic": r.statistic, "p": r.pvalue})
    for zeros, ours in names.items():
        for continuity in (False, True):
            r = stats.wilcoxon(d, zero_method=zeros, correction=continuity, method="approx")
            out["wilcoxon"].append({"sample": name, "zeros": ours, "continuity": continuity, "method": "normal",
                                    "statistic": r.statistic, "p": r.pvalue})
    nonzero = d[d != 0]
    if len(np.unique(np.abs(nonzero))) == len(d) and len(d) <= 50:
        r = stats.wilcoxon(d, method="exact")
        out["wilcoxon"].append({"sample": name, "zeros": "discard", "continuity": False, "method": "exact",
                                "statistic": r.statistic, "p": r.pvalue})
    elif len(d) <= 12:
        for ours, ranks in (("discard", stats.rankdata(np.abs(nonzero))), ("pratt", stats.rankdata(np.abs(d))[d != 0])):
            statistic = min(ranks[nonzero > 0].sum(), ranks[nonzero < 0].sum())
            out["wilcoxon"].append({"sample": name, "zeros": ours, "continuity": False, "method": "exact",
                                    "statistic": statistic, "p": counted_p(ranks, statistic)})
for a, b in (("small", "windows"), ("many", "strong"), ("windows", "many")):
    r = stats.ttest_ind(samples[a], samples[b], equal_var=False)
    out["welch"].append({"a": a, "b": b, "statistic": r.statistic, "p": r.pvalue})
for a, b in ((0, 0), (1, 0), (0, 5), (3, 3), (7, 2), (10, 25), (400, 460), (5000, 5300), (30, 0)):
    p = stats.binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    out["mcnemar"].append({"only_a": a, "only_b": b, "p": p})
for n, slope in ((6, 0.2), (12, 0.8), (60, -0.5), (40, 0.0)):
    x = rng.normal(size=n)
    y = slope * x + rng.normal(size=n)
    if n == 40:
        x, y = np.round(x), np.round(y)
    r = stats.spearmanr(x, y)
    half = stats.norm.ppf(0.975) * np.sqrt((1 + r.statistic**2 / 2) / (n - 3))
    low, high = np.tanh(np.arctanh(r.statistic) + np.array([-half, half]))
    p = r.pvalue
    if len(x) <= 8:  # all orders
        p = stats.permutation_test((x,), lambda x: stats.spearmanr(x, y).statistic, permutation_type="pairings",
                                   n_resamples=np.inf).pvalue
    out["spearman"].append({"x": list(x), "y": list(y), "rho": r.statistic, "p": float(p), "low": low, "high": high})
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(out, indent=1) + "\n")
