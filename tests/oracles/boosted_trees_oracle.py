#!/usr/bin/env python3
"""Writes tests/oracles/goldens/boosted_trees.json: what XGBoost's Python package learns and predicts.

Run by hand; the result is committed. Pinned: xgboost 1.7.6, numpy 2.4.6, Python 3.11. Features are formula.uniform
("trees/NAME", rows x features), scaled by 1e12 in every third column and NaN at every eleventh place.
"""
import json
import os

import numpy as np
import xgboost as xgb

import formula

HERE = os.path.dirname(os.path.abspath(__file__))


def case(name, rows, features, classes, **options):
    x = formula.uniform("trees/" + name, [rows, features])
    score = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.3 * formula.uniform("trees/noise/" + name, [rows])
    y = np.searchsorted([-0.4, 0.5], score) if classes == 3 else (score > 0.1).astype(int)
    x[:, 2::3] *= np.float32(1e12)
    x.reshape(-1)[7::11] = np.nan
    weights = np.array([rows / classes / (y == c).sum() for c in y]) if options.pop("balanced", False) else None
    rounds, seed = options.pop("rounds"), options.pop("seed")
    parameters = dict(options, tree_method="exact", nthread=1, seed=seed, verbosity=0)
    parameters["objective"] = "binary:logistic" if classes == 2 else "multi:softprob"
    if classes > 2:
        parameters["num_class"] = classes
    names = [f"feature {i}" for i in range(features)]
    train = xgb.DMatrix(x, y, weight=weights, feature_names=names)
    booster = xgb.train(parameters, train, rounds)
    p = booster.predict(train)
    first = booster.predict(train, iteration_range=(0, rounds // 2))
    scores = {kind: booster.get_score(importance_type=kind) for kind in ("gain", "cover", "weight", "total_gain")}
    return dict(name=name, rows=rows, features=features, classes=classes, parameters=options, rounds=rounds, seed=seed,
                balanced=weights is not None, labels=y.tolist(), probabilities=p.astype(float).ravel().tolist(),
                half=first.astype(float).ravel().tolist(), scores=scores)


cases = [
    case("two", 90, 7, 2, rounds=20, seed=5, max_depth=3, eta=0.3, subsample=1.0, colsample_bytree=1.0,
         min_child_weight=1.0, **{"lambda": 1.0}),
    case("two, drawn", 90, 7, 2, rounds=20, seed=5, max_depth=4, eta=0.1, subsample=0.7, colsample_bytree=0.5,
         min_child_weight=0.5, balanced=True, **{"lambda": 3.0}),
    case("three, drawn", 120, 9, 3, rounds=12, seed=11, max_depth=2, eta=0.2, subsample=0.8, colsample_bytree=0.4,
         min_child_weight=1.0, **{"lambda": 0.5}),
]
with open(os.path.join(HERE, "goldens", "boosted_trees.json"), "w") as file:
    json.dump(dict(xgboost=xgb.__version__, cases=cases), file)
    file.write("\n")
