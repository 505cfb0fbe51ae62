#!/usr/bin/env python3
"""Writes tests/evaluation/metrics_sklearn.json: small cohorts and what scikit-learn says of them.

Run by hand; the result is committed. Pinned: scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6, Python 3.11.
AUC, ROC curve, accuracy, ... are scikit-learn's. DeLong's variance is its definition (the covariance of the pairwise
kernel psi over positives and over negatives, DeLong et al. 1988) in plain numpy, the normal quantile scipy's.
"""
import json
import os

import numpy as np
import scipy.stats
import sklearn
from sklearn import metrics as M


def delong(scores, labels, level=0.95):
    x, y = scores[labels == 1], scores[labels == 0]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    variance = psi.mean(1).var(ddof=1) / len(x) + psi.mean(0).var(ddof=1) / len(y)
    half = scipy.stats.norm.ppf(0.5 + level / 2) * np.sqrt(variance)
    area = psi.mean()
    return dict(auc=area, variance=variance, low=max(0.0, area - half), high=min(1.0, area + half))


def one_class(p, y, c):
    predicted, truth = p.argmax(1) == c, y == c
    score = lambda f, **k: float(f(truth, predicted, **k))
    fpr, tpr, thresholds = M.roc_curve(truth, p[:, c], drop_intermediate=False)
    d = delong(p[:, c], truth.astype(int))
    assert abs(d["auc"] - M.roc_auc_score(truth, p[:, c])) < 1e-12
    return dict(
        support=int(truth.sum()), auc=float(M.roc_auc_score(truth, p[:, c])), delong=d,
        sensitivity=score(M.recall_score), specificity=score(M.recall_score, pos_label=0),
        ppv=score(M.precision_score), npv=score(M.precision_score, pos_label=0), f1=score(M.f1_score),
        roc=dict(fpr=fpr.tolist(), tpr=tpr.tolist(), thresholds=[None] + thresholds[1:].tolist()))


def case(name, n, classes, seed, decimals, missing, strength):
    r = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), np.arange(classes), r.integers(0, classes, n - 2 * classes)])
    logits = r.normal(size=(n, classes)) + strength * np.eye(classes)[y]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if decimals:  # few decimals make ties
        p = np.round(p, decimals)
        p[:, 0] = np.round(1 - p[:, 1:].sum(1), decimals)
    labels = y.copy()
    labels[r.random(n) < missing] = -1
    known = labels >= 0
    q, t = p[known], labels[known]
    predicted = q.argmax(1)
    ovr = M.roc_auc_score(t, q[:, 1]) if classes == 2 else float(np.mean([M.roc_auc_score(t == c, q[:, c]) for c in range(classes)]))
    if classes > 2 and not decimals:
        assert abs(ovr - M.roc_auc_score(t, q, multi_class="ovr", average="macro")) < 1e-12
    return dict(
        name=name, classes=classes, probabilities=p.ravel().tolist(), labels=labels.tolist(), cases=int(known.sum()),
        auc=float(ovr), accuracy=float(M.accuracy_score(t, predicted)),
        balanced_accuracy=float(M.balanced_accuracy_score(t, predicted)),
        f1=float(M.f1_score(t, predicted, average="binary" if classes == 2 else "macro")),
        ppv=float(M.precision_score(t, predicted, average="binary" if classes == 2 else "macro")),
        confusion=M.confusion_matrix(t, predicted, labels=range(classes)).ravel().tolist(),
        by_class=[one_class(q, t, c) for c in range(classes)])


golden = dict(
    made_with=dict(sklearn=sklearn.__version__, scipy=scipy.__version__, numpy=np.__version__),
    quantiles=[[p, float(scipy.stats.norm.ppf(p))] for p in (1e-12, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9995)],
    cases=[case("binary", 40, 2, 1, 0, 0.0, 1.0), case("binary with ties and missing labels", 60, 2, 2, 1, 0.2, 0.7),
           case("chance", 30, 2, 3, 2, 0.0, 0.0), case("three classes", 50, 3, 4, 0, 0.1, 1.0),
           case("three classes with ties", 45, 3, 5, 1, 0.1, 0.8)])
path = os.path.join(os.path.dirname(__file__), "..", "evaluation", "metrics_sklearn.json")
with open(path, "w") as f:
    f.write(json.dumps(golden, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
print(os.path.getsize(path), "bytes")
