"""The command that extracts features of the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .features import Cache, Files, Jobs, Out, Overwrite, target_study, write_features


def _network(what: str) -> Any:
    return typer.Option(metavar="WEIGHTS", help=f"Network for {what}.", show_default=False)


def _labels(what: str) -> Any:
    return typer.Option(
        metavar="FILE", help=f"Names of the {what}, one a line.", show_default=False
    )


def visual(
    files: Files,
    out: Out,
    objects: Annotated[Path, _network("objects: nanodet, or YOLO as .onnx or .pt")] = Path(
        "nanodet"
    ),
    scenes: Annotated[Path | None, _network("scenes: it classifies frames")] = None,
    scene_labels: Annotated[Path | None, _labels("scenes")] = None,
    faces: Annotated[Path, _network("expressions of faces, or a registered name")] = Path("fer"),
    face_labels: Annotated[Path | None, _labels("expressions")] = None,
    face_detector: Annotated[
        Path, typer.Option(help="Face detector: .onnx, a folder, or a registered name.")
    ] = Path("mtcnn"),
    actions: Annotated[Path | None, _network("actions: it classifies clips of shots")] = None,
    action_labels: Annotated[Path | None, _labels("actions")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load weights that can run code (.pt).")
    ] = False,
    detector: Annotated[
        str, typer.Option(help="Detector of shots: adaptive or content.")
    ] = "adaptive",
    step: Annotated[float, typer.Option(help="Time between two windows in s.")] = 0.5,
    jobs: Jobs = -1,
    cache: Cache = True,
    overwrite: Overwrite = False,
) -> None:
    """Extract colour, lighting, shots, motion, faces, objects, poses, and what your networks see.

    Objects and poses need `muvistats weights` once; scenes and actions need networks of yours.
    """
    from ..features import visual as room
    from ..files import write_whole

    study = target_study(out, "visual", overwrite=overwrite)
    shots = room.Shots(detector=detector)  # type: ignore[arg-type]  # it checks the name
    expressed = room.Faces(weights=faces, labels=face_labels, detector=face_detector, trust=trust)
    motion = room.Motion(shots=shots)
    seen = room.Objects(weights=objects, trust=trust), room.BodyPose(shots=shots)
    chosen: list[room.Extractor] = [room.Colour(), room.Lighting(), shots, motion, expressed, *seen]
    if scenes is not None:
        chosen.append(room.Scenes(weights=scenes, labels=scene_labels, trust=trust))
    if actions is not None:
        chosen.append(room.Actions(weights=actions, labels=action_labels, shots=shots, trust=trust))
    found = room.extract(files, chosen, hop=step, n_jobs=jobs, cache=cache)
    if study is None:
        table = room.shot_table(found).to_csv(index=False, float_format="%.9g", lineterminator="\n")
        write_whole(out / "visual_shots.csv", lambda stream: stream.write(table.encode()))
        typer.echo(out / "visual_shots.csv")
    write_features(found, study, out, overwrite=overwrite)
