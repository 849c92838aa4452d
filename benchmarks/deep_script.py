"""Table 6 as one would first write it: every fold reads its features and trains its networks."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

WINDOW, BATCH, RATE = 4, 256, 1e-4
CONFIGURATIONS = [
    ("music", ["audio"], "plain"),
    ("visual", ["visual"], "plain"),
    ("audiovisual", ["audio"], "plain"),
    ("audiovisual", ["visual"], "plain"),
    ("audiovisual", ["audio", "visual"], "early"),
    ("audiovisual", ["audio", "visual"], "late"),
    ("audiovisual", ["audio", "visual"], "pair"),
]


def main(folder: Path, epochs: int) -> None:
    begin, in_fit, errors = time.perf_counter(), 0.0, []
    items = json.loads((folder / "items.json").read_text())
    with np.load(folder / "gold.npz") as stored:
        gold = dict(zip(stored["modalities"].tolist(), stored["values"][0], strict=True))
    for modality, kinds, how in CONFIGURATIONS:
        folds = KFold(5, shuffle=True, random_state=42).split(items)
        for training, test in folds:
            shuffled = np.random.default_rng(0).permutation(training)
            n_stop = round(len(training) / 5)
            stop, fit = shuffled[:n_stop], shuffled[n_stop:]
            features = {kind: read(folder, kind, items) for kind in kinds}
            for kind, values in features.items():
                low, high = values[fit].min((0, 1)), values[fit].max((0, 1))
                width = np.where(high > low, high - low, 1)
                features[kind] = (values - low) / width
            branches = {}
            if how == "pair":
                for kind, isolated in (("audio", "music"), ("visual", "visual")):
                    model = plain([features[kind].shape[-1]], [kind])
                    in_fit += train(model, features, [kind], gold[isolated], fit, stop, epochs)
                    branches[kind] = model
            widths = [features[kind].shape[-1] for kind in kinds]
            model = plain(widths, kinds) if how in ("plain", "early") else late(widths, kinds)
            for kind, source in branches.items():
                for layer in source.layers:
                    if layer.name.startswith(kind) and layer.weights:
                        model.get_layer(layer.name).set_weights(layer.get_weights())
            in_fit += train(model, features, kinds, gold[modality], fit, stop, epochs)
            for item in test:
                x, y = windows(features, kinds, gold[modality], [item])
                fitted = model.predict(x, verbose=0)[:, 0]
                errors.append(np.sqrt(np.mean((fitted - y) ** 2)))
    found = {
        "seconds": time.perf_counter() - begin,
        "fit_seconds": in_fit,
        "rmse": float(np.mean(errors)),
    }
    print(json.dumps(found))


def read(folder: Path, kind: str, items: list[str]) -> np.ndarray:
    return np.stack(
        [pd.read_csv(folder / f"{kind}_{item}.csv", index_col=0).to_numpy("f4") for item in items]
    )


def windows(features, kinds, ratings, items):
    x = [[] for _ in kinds]
    y = []
    for item in items:
        n = min(len(ratings[item]), *(len(features[kind][item]) for kind in kinds))
        for start in range(n - WINDOW):
            if np.isnan(ratings[item][start + WINDOW]):
                continue
            for part, kind in zip(x, kinds, strict=True):
                part.append(features[kind][item][start : start + WINDOW])
            y.append(ratings[item][start + WINDOW])
    parts = [np.array(part, dtype="f4") for part in x]
    return (parts if len(parts) > 1 else parts[0]), np.array(y, dtype="f4")


def train(model, features, kinds, ratings, fit, stop, epochs):
    x, y = windows(features, kinds, ratings, fit)
    checked = windows(features, kinds, ratings, stop)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss="mse")
    begin = time.perf_counter()
    model.fit(x, y, validation_data=checked, batch_size=BATCH, epochs=epochs, verbose=0)
    return time.perf_counter() - begin


def block(x, name):
    for number in (1, 2):
        x = keras.layers.LSTM(256, return_sequences=number == 1, name=f"{name}_{number}")(x)
        x = keras.layers.Dropout(0.2)(x)
    return x


def plain(widths, kinds):
    inputs = [keras.Input((WINDOW, width)) for width in widths]
    x = inputs[0] if len(inputs) == 1 else keras.layers.Concatenate()(inputs)
    out = keras.layers.Dense(1, activation="tanh")(block(x, kinds[0] if len(kinds) == 1 else "x"))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], out)


def late(widths, kinds):
    inputs = [keras.Input((WINDOW, width)) for width in widths]
    ends = [block(x, kind) for x, kind in zip(inputs, kinds, strict=True)]
    x = keras.layers.Dense(256, activation="relu")(keras.layers.Concatenate()(ends))
    return keras.Model(inputs, keras.layers.Dense(1, activation="tanh")(x))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
