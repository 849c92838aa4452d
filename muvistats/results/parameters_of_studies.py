"""Arguments of the functions that make and store studies, and of networks: as `PARAMETERS`."""

from __future__ import annotations

from .parameter import NO_DEFAULT, REQUIRED, Parameter

OF_STUDIES: dict[str, Parameter] = {
    # studies, simulated and stored
    "test": Parameter(
        "str, callable, or sequence of these, optional",
        "None",
        "Tests by name, as ``kruskal_modality`` or ``chisquare_labels: gender``, or functions of "
        "your own; all tests where not given.",
        dict.fromkeys(
            ("lists_power", "power_study"),
            ("'kruskal_modality'", "sizes are planned for one test at a time"),
        ),
    ),
    "n_sims": Parameter(
        "int",
        "2000",
        "Simulated studies of each scenario or combination.",
        {
            **dict.fromkeys(
                ("lists_power", "power_study"), ("200", "power is read to some percent")
            ),
            "deep.transfer_recovery": ("20", "each study trains networks"),
        },
    ),
    "n_items": Parameter(
        "int",
        "81",
        "Items of a study.",
        {
            "deep.simulate_transfer": ("40", "networks are trained on each study"),
            "deep.transfer_recovery": ("40", "networks are trained on each study"),
        },
    ),
    "n_participants": Parameter(
        "int",
        "49",
        "Participants of a study.",
        {
            "power_study": ("(24, 49, 98)", "sizes are what is compared"),
            "design_lists": (REQUIRED, "it is what is planned"),
        },
    ),
    "raters_per_cell": Parameter(
        "int",
        "5",
        "Raters of an item in a modality, over the lists that are used once.",
    ),
    "settings": Parameter(
        "SimulationSettings, optional",
        "None",
        "Sizes of the effects; those of a study like MuVi where not given.",
    ),
    "path": Parameter("path", REQUIRED, "A ``.zarr`` folder or a ``.nc`` file."),
    "folder": Parameter("path", REQUIRED, "Folder in the layout of the MuVi release."),
    "paths": Parameter("path or sequence of path", REQUIRED, "The files."),
    "items": Parameter(
        "sequence of str, optional",
        "None",
        "Item of each file; the name of the file without its suffix where not given.",
        {"design_lists": (REQUIRED, "they are what is rated")},
    ),
    "label_alignment": Parameter(
        '{"released", "corrected"}',
        "'released'",
        "Which trial the labels of a row belong to: the rows as they stand, or moved up by one "
        "within each participant.",
        {"from_frames": ("None", "the frame says it, or else labels are as recorded")},
    ),
    "what": Parameter(
        '{"dynamic", "labels", "both"}',
        "'dynamic'",
        "What is excluded: the rated dimensions, the labels, or both.",
    ),
    # networks
    "protocol": Parameter(
        '{"strict", "paper", "released"} or Protocol',
        "'strict'",
        "How networks are trained, tested and scored.",
        {
            "deep.transfer_recovery": ("SMALL", "small networks show the same on small studies"),
            "deep.quick": (REQUIRED, NO_DEFAULT),
        },
    ),
    "configurations": Parameter(
        "sequence of str or Configuration, optional",
        "None",
        "Names in `CONFIGURATIONS`, or others; the seven of Table 6 where not given.",
        {"deep.protocol_effects": ("('late_fusion', 'pair')", "the two that the paper compares")},
    ),
    "n_seeds": Parameter(
        "int", "1", "Trainings of each configuration, dimension and fold, from other weights."
    ),
    "n_repeats": Parameter(
        "int", "1", "Partitions of the items into folds; the first is the paper's."
    ),
    "n_steps": Parameter("int", "40", "Steps of half a second of each item."),
    "backend": Parameter(
        '{"tensorflow", "torch"}, optional',
        "None",
        "Backend of Keras; that of ``KERAS_BACKEND``, else TensorFlow, where not given.",
    ),
    "metrics": Parameter(
        'sequence of {"rmse", "mse", "ccc"}', "('rmse', 'ccc')", "Metrics that are compared."
    ),
    "gold": Parameter(
        '{"ewe", "mean", "median", "ewe_aligned", "dtw", "latent"}',
        "'ewe'",
        "Method of `gold_standard` that makes the target of all raters.",
    ),
    "max_lag": Parameter(
        "float",
        "6.0",
        "Longest delay that is tried, in seconds.",
        {"gold_standard": ("3.0", "delays are sought both ways")},
    ),
    "start": Parameter(
        "float",
        "5.0",
        "Seconds at the beginning of the excerpt that do not enter: there the cursor still rests "
        "at the centre or goes to its first place, in every modality alike.",
        {"truncate": ("None", "nothing is cut at the beginning")},
    ),
    "models": Parameter("FeatureModels or NetworkModels", REQUIRED, "Fitted models."),
}
