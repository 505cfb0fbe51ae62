#!/usr/bin/env python3
"""scikit-learn on the folds of a cross-validation by cmtl_train, beside that run's own predictions.

usage: cohort_folds_sklearn.py LABELS FEATURES RUN [RUN ...] [--id-column PID]

RUN/folds.csv (`ID,fold`) says who is left out when; every RUN must have the same. Each task's AUC (more classes: the mean
of one against the rest) of the left-out cases: mean over the folds, and pooled. HistGradientBoostingClassifier has its
defaults. Needs scikit-learn (1.5.2 was used).
"""
import argparse
import os
import sys

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

TASKS = ("CT", "NAT", "Severity")


def auc(truth, p):
    if p.shape[1] == 2:
        return roc_auc_score(truth, p[:, 1])
    return float(np.mean([roc_auc_score(truth == c, p[:, c]) for c in range(p.shape[1])]))


def both(truth, p, fold):
    return float(np.mean([auc(truth[fold == k], p[fold == k]) for k in np.unique(fold)])), auc(truth, p)


def sklearn_predictions(make, x, truth, fold):
    p = np.full((len(truth), truth.max() + 1), np.nan)
    for k in np.unique(fold):
        p[fold == k] = make().fit(x[fold != k], truth[fold != k]).predict_proba(x[fold == k])
    return p


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels")
    parser.add_argument("features")
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--id-column", default="ID")
    a = parser.parse_args()
    labels = pd.read_csv(a.labels, dtype={a.id_column: str}).set_index(a.id_column)
    folds = [pd.read_csv(os.path.join(run, "folds.csv"), dtype={"ID": str}).set_index("ID")["fold"] for run in a.runs]
    for run, other in zip(a.runs, folds):
        if not other.sort_index().equals(folds[0].sort_index()):
            sys.exit(f"{run}: other folds than {a.runs[0]}")
    ids = folds[0].index
    fold = folds[0].to_numpy()
    x = pd.read_csv(a.features, dtype={a.id_column: str}).set_index(a.id_column).loc[ids].to_numpy(float)
    print(f"{len(ids)} cases, {fold.max() + 1} folds; AUC mean over the folds (pooled)")
    for task in TASKS:
        truth = labels.loc[ids, task].to_numpy(int)
        rows = {
            "HistGradientBoostingClassifier": sklearn_predictions(
                lambda: HistGradientBoostingClassifier(random_state=0), x, truth, fold),
        }
        for run in a.runs:
            table = pd.read_csv(os.path.join(run, "predictions.csv"), dtype={"ID": str}).set_index("ID")
            columns = [f"{task}_{c}" for c in range(truth.max() + 1)]
            if set(columns) <= set(table.columns):
                rows[run] = table.loc[ids, columns].to_numpy()
        for name, p in rows.items():
            mean, pooled = both(truth, p, fold)
            print(f"{task:<9} {name:<40} {mean:.4f} ({pooled:.4f})", flush=True)


if __name__ == "__main__":
    main()
