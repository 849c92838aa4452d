"""R-style formulas: single expressions, and whole models with random-effect bars."""

from .design import Design, build_design, code_of_column
from .expressions import columns_of, evaluate, factor, split_formula
from .terms import Bar, ModelFormula, parse_model

__all__ = [
    "Bar",
    "Design",
    "ModelFormula",
    "build_design",
    "code_of_column",
    "columns_of",
    "evaluate",
    "factor",
    "parse_model",
    "split_formula",
]
