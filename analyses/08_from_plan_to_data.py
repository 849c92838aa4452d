"""
From plan to data and back
==========================

A study from its lists to its tests: 40 participants who do not exist rate twelve clips, in the
format in which the annotation page stores what people do, with effects that are known. What is
planted comes out. ``python analyses/08_from_plan_to_data.py --report FOLDER`` writes the report as
well.
"""

# %%
# The lists
# ---------
# Every clip in every modality by ten people, nobody twice.

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import muvistats as mv

lists = mv.design_lists(12, n_participants=40, per_cell=10, rng=1)
print(mv.check_lists(lists)[["quantity", "minimum", "maximum", "verdict"]].to_string(index=False))

# %%
# The power of a study with these lists, if modality matters as much as in MuVi

power = mv.lists_power(lists, "kruskal_modality", n_sims=10, rng=1)
print(
    power[["dimension", "dependence", "estimate", "conf_low", "conf_high"]].to_string(index=False)
)

# %%
# The page
# --------
# Nobody watches here, so empty files stand for the clips.

place = tempfile.TemporaryDirectory()
folder = Path(place.name)
(folder / "clips").mkdir()
for item in lists["item"].unique():
    (folder / "clips" / f"{item}.mp4").touch()
texts = {"title": "Forty simulated participants"}
site = mv.write_annotation_page(folder / "clips", lists, folder / "site", texts=texts)

# %%
# Forty participants
# ------------------
# The picture lowers valence by 0.15 where there is no music, and adds 0.2 to arousal where there is
# music. Where the plane lies does nothing. Participants, items and moments differ as well.

VALENCE = {"music": 0.0, "visual": -0.15, "audiovisual": 0.0}
AROUSAL = {"music": 0.0, "visual": 0.0, "audiovisual": 0.2}
SECONDS, RATE = 30.0, 10

rng = np.random.default_rng(7)
plan_of_study = json.loads((site / "study.json").read_text("utf-8"))
data = folder / "data"
data.mkdir()
(data / "study.json").write_text(json.dumps(plan_of_study), "utf-8")
items = {item: rng.normal(0, 0.15, 2) for item in lists["item"].unique()}
names = [label["label"] for label in plan_of_study["labels"]]


def moving(level: float, time: np.ndarray) -> list[float]:
    """A cursor that goes from the centre to its level and sways about it."""
    sway = 0.08 * np.sin(2 * np.pi * (time / rng.uniform(8, 15) + rng.random()))
    return np.round(np.clip((level + sway) * (1 - np.exp(-time)), -1, 1), 5).tolist()


for participant, plans in plan_of_study["lists"].items():
    own = rng.normal(0, 0.08, 2)
    person = {
        "kind": "personal",
        "consent": "2026-01-01",
        "age": int(rng.integers(19, 36)),
        "gender": str(rng.choice(["female", "male"])),
        "years_of_training": int(rng.integers(0, 10)),
    }
    parts = [person, {"kind": "final", "overlay_preference": "overlaid"}]
    for plan in plans:
        time = np.round(np.arange(0, SECONDS, 1 / RATE) + rng.uniform(0, 0.03), 4)
        level = items[plan["item"]] + own + rng.normal(0, 0.1, 2)
        happier = 0.25 if plan["modality"] == "audiovisual" else 0.0
        chosen = rng.random(len(names)) < np.where(np.array(names) == "joyful", 0.1 + happier, 0.1)
        parts.append(
            {
                "kind": "trial",
                **plan,
                "started": "2026-01-01T10:00:00.000Z",
                "duration": SECONDS,
                "rate": RATE,
                "plane": {"width": 560, "height": 560},
                "inputs": ["mouse"],
                "samples": {
                    "time": time.tolist(),
                    "wall": np.round(1000 * time).tolist(),
                    "valence": moving(level[0] + VALENCE[plan["modality"]], time),
                    "arousal": moving(level[1] + AROUSAL[plan["modality"]], time),
                    "focus": [1] * len(time),
                    "stalled": [0] * len(time),
                },
                "events": [],
                "labels": [name for name, c in zip(names, chosen, strict=True) if c] or ["calm"],
                "familiar": bool(rng.random() < 0.3),
            }
        )
    # the file that the page offers a participant
    whole = {"study": plan_of_study["id"], "participant": participant, "parts": parts}
    (data / f"{participant}.json").write_text(json.dumps(whole), "utf-8")

# %%
# Back
# ----

study = mv.read_annotations(data)
print(study["log"].to_dataset().to_dataframe()[["action", "count"]].to_string(index=False))

# %%
# What was planted comes out, and the interface does nothing

for dimension in ("arousal", "valence"):
    fit = mv.mixed_model(study, f"{dimension} ~ modality + (1 | participant) + (1 | item)")
    found = fit.tidy()
    found = found[found["term"].str.startswith("modality")]
    print(dimension)
    print(found[["term", "estimate", "conf_low", "conf_high"]].to_string(index=False))

# %%

tests = mv.kruskal_modality(study, n_resamples=999)
print(tests[["dimension", "dependence", "statistic", "p_value"]].to_string(index=False))
interface = mv.mannwhitney_overlay(study, n_resamples=999)
print(interface[["dimension", "dependence", "effect_size", "p_value"]].to_string(index=False))

# %%

joyful = mv.label_deviations(study, by="modality")
joyful = joyful[joyful["label"] == "joyful"]
print(joyful[["group", "observed", "expected", "std_residual"]].to_string(index=False))

if "--report" in sys.argv:
    print(mv.write_report(data, sys.argv[sys.argv.index("--report") + 1]))
place.cleanup()
