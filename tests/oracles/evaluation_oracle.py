#!/usr/bin/env python3
"""Writes tests/evaluation/statistics_golden.json: what SciPy, scikit-learn and statsmodels say of small tables.

Run by hand; the result is committed. Pinned: scipy 1.17.1, scikit-learn 1.9.1, statsmodels 0.15.0, mpmath 1.4.1,
numpy 2.4.6, Python 3.11. Tails of distributions are mpmath's, at 50 digits, and checked against SciPy where that has
them; the paired DeLong test is its definition in plain numpy (the kernel psi of all pairs), as are ECE and Dunnett's T3.
"""
import json
import os

import mpmath as mp
import numpy as np
import scipy
import scipy.optimize
import scipy.stats as st
import sklearn
import statsmodels
from sklearn import calibration as C
from sklearn import metrics as M
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway

mp.mp.dps = 50
np.seterr(divide="ignore")  # logarithms of a certain 0


def number(x):
    return float(mp.nstr(x, 25)) if isinstance(x, mp.mpf) else float(x)


# Tails ------------------------------------------------------------------------------------------------------------
def beta_i(a, b, x):
    """I_x(a, b) by the series in x (after the transformation to all-positive terms), for small and large parameters."""
    a, b, x = mp.mpf(a), mp.mpf(b), mp.mpf(x)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_i(b, a, 1 - x)
    front = mp.exp(a * mp.log(x) + b * mp.log1p(-x) + mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b)) / a
    term, total, n = mp.mpf(1), mp.mpf(1), 0
    while term > total * mp.mpf(10) ** -40:
        term *= (a + b + n) / (a + 1 + n) * x
        total += term
        n += 1
    return front * total


def f_sf(x, d1, d2):
    x, d1, d2 = mp.mpf(x), mp.mpf(d1), mp.mpf(d2)
    return beta_i(d2 / 2, d1 / 2, d2 / (d2 + d1 * x))


def t_sf(x, df):
    x, df = mp.mpf(x), mp.mpf(df)
    tail = beta_i(df / 2, mp.mpf(1) / 2, df / (df + x * x)) / 2
    return tail if x >= 0 else 1 - tail


def chi2_sf(x, df):
    a, x = mp.mpf(df) / 2, mp.mpf(x) / 2
    if x < a + 60:
        term, total, n = mp.mpf(1), mp.mpf(1), 0
        while term > total * mp.mpf(10) ** -48:
            n += 1
            term *= x / (a + n)
            total += term
        return 1 - mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1)) * total
    return mp.gammainc(a, x, mp.inf, regularized=True)


def normal_sf(x):
    return mp.erfc(mp.mpf(x) / mp.sqrt(2)) / 2


def checked(value, other):
    """SciPy must say the same where it has digits."""
    if 1e-250 < value < 1 and other > 0:
        assert abs(other / float(value) - 1) < 1e-7, (value, other)
    return number(value)


def panels(low, high, count):
    """Nodes and weights of Gauss-Legendre on `count` panels of 8."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(low, high, count + 1)
    return ((edges[:-1, None] + np.diff(edges)[:, None] * (nodes + 1) / 2).ravel(), (np.diff(edges)[:, None] * weights / 2).ravel())


def range_sf(w, k):
    """P(range of k normals > w), as an integral over the least of them."""
    z, weights = panels(-w / 2 - 13, -w / 2 + 13, 60)
    above, beyond = st.norm.sf(z), st.norm.sf(z + w)
    share = -np.expm1((k - 1) * np.log1p(-beyond / np.maximum(above, 1e-320)))
    return (weights * k * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * above ** (k - 1) * share).sum()


def over_scale(survival, df, square):
    """Mean of survival(s) ~ exp(-square s^2 / 2) over s = sqrt(chi2 / df), as an integral over ln s."""
    width, peak = 14 / np.sqrt(2 * df), -np.log1p(square / df) / 2
    u, w = panels(peak - width - 45 / df, min(peak + width, 4), 150)
    half = mp.mpf(df) / 2
    front = float(mp.log(2) + half * mp.log(half) - mp.loggamma(half) - half)
    log_density = front - df * (np.expm1(2 * u) / 2 - u)
    return float((w * np.exp(log_density) * np.array([survival(s) for s in np.exp(u)])).sum())


def distributions():
    rows = dict(normal=[], chi2=[], f=[], t=[], binomial=[], range=[], modulus=[])
    for x in (-8, -1, 0, 0.5, 1.96, 5, 10, 20, 37):
        rows["normal"].append([x, checked(normal_sf(x), st.norm.sf(x))])
    for df in (0.5, 1, 2, 3, 10, 97.5, 1000, 1e6):
        for scale in (0.01, 0.5, 1, 1.5, 3):
            x = df * scale
            v = chi2_sf(x, df) if df < 1e6 else mp.mpf(st.chi2.sf(x, df))
            if v > 1e-300 and (df < 1e6 or scale != 3):
                rows["chi2"].append([x, df, checked(v, st.chi2.sf(x, df))])
    for x, df in ((1300, 1), (1350, 2), (1400, 30), (2500, 500)):
        rows["chi2"].append([x, df, checked(chi2_sf(x, df), st.chi2.sf(x, df))])
    for d1, d2 in ((1, 1), (1, 10.5), (2, 3.7), (2, 927), (7, 300.25), (30, 30), (2, 1e5), (99, 1e6), (0.7, 0.9)):
        for x in (1e-6, 0.3, 1, 2.5, 40, 800, 1e8):
            v = f_sf(x, d1, d2)
            if v > 1e-304:
                rows["f"].append([x, d1, d2, checked(v, st.f.sf(x, d1, d2))])
    for df in (0.8, 1, 2.5, 10, 77.7, 1000, 1e6):
        for x in (-3, 0, 0.1, 1, 4, 12, 36, 1e10):
            v = t_sf(x, df)
            if v > 1e-304:
                rows["t"].append([x, df, checked(v, st.t.sf(x, df))])
    for k, n in ((0, 1), (0, 5), (3, 7), (40, 100), (0, 990), (12, 1000), (499, 1000)):
        v = sum(mp.binomial(n, i) for i in range(k + 1)) / mp.mpf(2) ** n
        rows["binomial"].append([k, n, checked(v, st.binom.cdf(k, n, 0.5))])
    for q, k, df in ((0.5, 2, 5), (0.1, 3, 20), (3.5, 3, 10), (2, 3, 1), (4, 5, 4.5), (6, 3, 60), (12, 3, 40), (20, 3, 300), (45, 3, 900),
                     (50, 4, 1e6), (30, 2, 12), (3.3, 10, 927), (1e4, 3, 7.5), (5, 50, 100), (8, 3, 0.7)):
        v = over_scale(lambda s: range_sf(q * s, k), df, q * q / 2)
        if v > 1e-8:
            assert abs(st.studentized_range.sf(q, k, df) / v - 1) < 1e-6, (q, k, df, v, st.studentized_range.sf(q, k, df))
        if k == 2:
            assert abs(v / (2 * float(t_sf(q / np.sqrt(2), df))) - 1) < 1e-11, (q, df)
        rows["range"].append([q, k, df, v])
    for t, k, df in ((0.3, 3, 5), (2.4, 3, 20), (2.4, 1, 20), (5, 3, 1.5), (9, 6, 100), (30, 3, 800), (3, 45, 33.3), (1e5, 3, 9), (36, 3, 1e6)):
        v = over_scale(lambda s: -np.expm1(k * np.log1p(-2 * st.norm.sf(t * s))), df, t * t)
        if k == 1:
            assert abs(v / (2 * float(t_sf(t, df))) - 1) < 1e-11, (t, df)
        rows["modulus"].append([t, k, df, v])
    return rows


# Two models on the same cases -------------------------------------------------------------------------------------
def delong(a, b, y):
    def components(s):
        x, z = s[y == 1], s[y == 0]
        psi = (x[:, None] > z[None, :]) + 0.5 * (x[:, None] == z[None, :])
        return psi.mean(), psi.mean(1), psi.mean(0)
    (auc_a, pa, na), (auc_b, pb, nb) = components(a), components(b)
    v = np.cov(pa, pb) / len(pa) + np.cov(na, nb) / len(na)
    variance = v[0, 0] + v[1, 1] - 2 * v[0, 1]
    z = (auc_a - auc_b) / np.sqrt(variance)
    half = st.norm.ppf(0.975) * np.sqrt(variance)
    return dict(auc_a=auc_a, auc_b=auc_b, variance=variance, z=z, p=2 * st.norm.sf(abs(z)), low=auc_a - auc_b - half, high=auc_a - auc_b + half)


def pairs():
    cases = []
    for seed, n, decimals, shift in ((1, 60, 6, 0.3), (2, 90, 1, 0.0), (3, 200, 2, 1.0)):
        r = np.random.default_rng(seed)
        y = (r.random(n) < 0.4).astype(int)
        common = r.normal(size=n)
        a, b = (np.round(st.norm.cdf(common + r.normal(size=n) + s * (y - 0.5)), decimals) for s in (1 + shift, 1))
        cases.append(dict(a=a.tolist(), b=b.tolist(), labels=y.tolist(), **delong(a, b, y)))
    return cases


def mcnemars():
    rows = []
    for b, c in ((0, 1), (3, 12), (12, 3), (7, 7), (0, 30), (100, 160), (2, 900)):
        exact, corrected = mcnemar([[0, b], [c, 0]], exact=True), mcnemar([[0, b], [c, 0]], exact=False, correction=True)
        rows.append([b, c, exact.pvalue, corrected.statistic, corrected.pvalue])
    return rows


# Bootstrap --------------------------------------------------------------------------------------------------------
def bootstraps():
    cases = []
    for seed, statistic in ((1, lambda x, y: np.mean(x) - np.mean(y)), (2, lambda x, y: np.log(np.var(x, ddof=1) / np.var(y, ddof=1)))):
        r = np.random.default_rng(seed)
        x, y = r.exponential(size=23), r.normal(size=31)
        options = dict(vectorized=False, paired=False, confidence_level=0.95)
        first = st.bootstrap((x, y), statistic, n_resamples=499, method="percentile", rng=r, **options)
        again = {m: st.bootstrap((x, y), statistic, n_resamples=0, method=m, bootstrap_result=first, **options).confidence_interval
                 for m in ("percentile", "BCa")}
        jackknife = [statistic(np.delete(x, i), y) for i in range(len(x))] + [statistic(x, np.delete(y, i)) for i in range(len(y))]
        cases.append(dict(estimate=statistic(x, y), replicates=first.bootstrap_distribution.tolist(), jackknife=jackknife,
                          strata=[0] * len(x) + [1] * len(y), percentile=list(again["percentile"]), bca=list(again["BCa"])))
    return cases


# Probabilities ----------------------------------------------------------------------------------------------------
def measures():
    cases = []
    for seed, n, classes, decimals in ((1, 50, 2, 0), (2, 60, 2, 1), (3, 70, 3, 0), (4, 64, 4, 1)):
        r = np.random.default_rng(seed)
        y = np.concatenate([np.arange(classes), r.integers(0, classes, n - classes)])
        logits = 1.7 * (r.normal(size=(n, classes)) + np.eye(classes)[y])
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        if decimals:
            p = np.round(p, decimals)
            p[:, 0] = np.round(1 - p[:, 1:].sum(1), decimals)
            p = np.clip(p, 0, 1)
            p /= p.sum(1, keepdims=True)
        top, predicted = p.max(1), p.argmax(1)
        bins = np.minimum((top * 10).astype(int), 9)
        ece = sum(abs(top[bins == b].mean() - (predicted == y)[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist()))
        logs = np.log(np.maximum(p, 2.0 ** -52))

        def slope(beta):
            w = np.exp(beta * (logs - logs.max(1, keepdims=True)))
            return ((w * logs).sum(1) / w.sum(1) - logs[np.arange(n), y]).mean()

        beta = scipy.optimize.brentq(slope, 0.01, 100, xtol=1e-15, rtol=1e-14)
        scaled = np.exp(beta * logs)
        scaled /= scaled.sum(1, keepdims=True)
        observed, mean = C.calibration_curve(y == 1, p[:, 1], n_bins=10)
        precision, recall, thresholds = M.precision_recall_curve(y == 1, p[:, 1])
        fpr, tpr, cut = M.roc_curve(y == 1, p[:, 1], drop_intermediate=False)
        youden = cut[np.argmax(np.round(tpr - fpr, 12))]
        one = [M.average_precision_score(y == c, p[:, c]) for c in range(classes)]
        cases.append(dict(
            classes=classes, probabilities=p.ravel().tolist(), labels=y.tolist(),
            auc_micro=M.roc_auc_score(y, p, multi_class="ovr", average="micro") if classes > 2 else M.roc_auc_score(y, p[:, 1]),
            average_precision=one[1] if classes == 2 else float(np.mean(one)), average_precision_1=one[1],
            mcc=M.matthews_corrcoef(y, predicted), kappa=M.cohen_kappa_score(y, predicted),
            kappa_quadratic=M.cohen_kappa_score(y, predicted, weights="quadratic"),
            brier=M.brier_score_loss(y == 1, p[:, 1]) if classes == 2 else M.brier_score_loss(y, p),
            log_loss=M.log_loss(y, p), ece=ece, temperature=1 / beta, scaled_log_loss=M.log_loss(y, scaled),
            reliability=None if decimals else dict(observed=observed.tolist(), predicted=mean.tolist()),
            pr=dict(precision=precision[::-1].tolist(), recall=recall[::-1].tolist(), thresholds=thresholds[::-1].tolist()),
            youden=youden, at_sensitivity=cut[np.argmax(tpr >= 0.9 - 1e-12)],
            at_specificity=cut[len(cut) - 1 - np.argmax((1 - fpr)[::-1] >= 0.8 - 1e-12)]))
    return cases


# Groups -----------------------------------------------------------------------------------------------------------
def groups():
    cases = []
    for seed, sizes, scale, offset in ((1, (12, 30), 1, 0), (2, (15, 22, 9), 1, 0), (3, (40, 25, 60, 7), 1e9, 1e12), (4, (200, 150, 90), 1e-6, 0), (5, (300, 280, 310), 3, 0)):
        r = np.random.default_rng(seed)
        g = [offset + scale * r.normal(loc=(4.0 if seed == 5 else 0.5) * i, scale=1 + 0.6 * i, size=n) for i, n in enumerate(sizes)]
        g = [np.array([float(f"{v:.6g}") for v in x]) for x in g]
        # Double precision loses digits where the offset is large: moments are mpmath's, which only statsmodels then confirms.
        n = [len(x) for x in g]
        mean = [mp.fsum(map(mp.mpf, x.tolist())) / len(x) for x in g]
        var = [mp.fsum((mp.mpf(v) - m) ** 2 for v in x.tolist()) / (len(x) - 1) for x, m in zip(g, mean)]
        w = [a / b for a, b in zip(n, var)]
        k, total = len(g), mp.fsum(w)
        grand = mp.fsum(a * b for a, b in zip(w, mean)) / total
        lam = mp.fsum((1 - a / total) ** 2 / (b - 1) for a, b in zip(w, n))
        f = mp.fsum(a * (m - grand) ** 2 for a, m in zip(w, mean)) / (k - 1) / (1 + 2 * (k - 2) * lam / (k * k - 1))
        df2 = (k * k - 1) / (3 * lam)
        theirs = anova_oneway(g, use_var="unequal", welch_correction=True)
        assert abs(theirs.statistic / float(f) - 1) < 1e-5 and abs(theirs.df[1] / float(df2) - 1) < 1e-5
        post = []
        for i in range(k):
            for j in range(i + 1, k):
                va, vb = var[i] / n[i], var[j] / n[j]
                t = (mean[i] - mean[j]) / mp.sqrt(va + vb)
                df = (va + vb) ** 2 / (va ** 2 / (n[i] - 1) + vb ** 2 / (n[j] - 1))
                q = float(abs(t) * mp.sqrt(2))
                post.append(dict(a=i, b=j, difference=number(mean[i] - mean[j]), t=number(t), df=number(df),
                                 games_howell=over_scale(lambda s: range_sf(q * s, k), float(df), q * q / 2),
                                 dunnett_t3=over_scale(lambda s: -np.expm1(k * (k - 1) / 2 * np.log1p(-2 * st.norm.sf(float(abs(t)) * s))), float(df), q * q / 2)))
        if seed == 2:
            from statsmodels.stats.multicomp import pairwise_tukeyhsd
            theirs = pairwise_tukeyhsd(np.concatenate(g), np.repeat(np.arange(k), n), use_var="unequal")
            assert np.allclose(theirs.pvalues, [p["games_howell"] for p in post], rtol=1e-6), (theirs.pvalues, post)
        keep = [x.tolist() for x in g] if seed < 4 else None
        cases.append(dict(groups=keep, n=n, mean=[number(m) for m in mean], variance=[number(v) for v in var],
                          f=number(f), df2=number(df2), p=number(f_sf(f, k - 1, df2)), post=post))
    return cases


def adjustments():
    rows = []
    for seed, n in ((1, 1), (2, 8), (3, 40)):
        p = np.random.default_rng(seed).beta(0.4, 2, size=n)
        if n == 40:
            p[3] = p[17]
            p[5] = 1e-200
        rows.append(dict(p=p.tolist(), **{m: multipletests(p, method=s)[1].tolist() for m, s in (("bh", "fdr_bh"), ("holm", "holm"), ("bonferroni", "bonferroni"))}))
    return rows


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, (np.floating, np.integer)):
        return x.item()
    return x


golden = dict(made_with=dict(scipy=scipy.__version__, sklearn=sklearn.__version__, statsmodels=statsmodels.__version__, mpmath=mp.__version__),
              distributions=distributions(), delong=pairs(), mcnemar=mcnemars(), bootstrap=bootstraps(), measures=measures(), groups=groups(),
              adjustment=adjustments())
path = os.path.join(os.path.dirname(__file__), "..", "evaluation", "statistics_golden.json")
with open(path, "w") as f:
    f.write(json.dumps(plain(golden), separators=(",", ":"), allow_nan=False).replace(',"delong"', ',\n"delong"').replace(',"bootstrap"', ',\n"bootstrap"').replace(',"measures"', ',\n"measures"').replace(',"groups":[{', ',\n"groups":[{') + "\n")
print(os.path.getsize(path), "bytes")
