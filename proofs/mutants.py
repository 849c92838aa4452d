"""Small faults put into the numerics, each of which some test must notice.

A mutant is one edit of one expression: another comparison, sign, constant, extreme. It is drawn by
`SEED`, at least one in every file, and a file that changes leaves most mutants of the others as
they are.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parents[1]

#: Draws the mutants; another number draws others.
SEED = 20261129

#: Mutants by part, and the folders over which they are spread.
PARTS = {
    "kernels_and_formula": (400, ("kernels", "formula")),
    "stats": (200, ("stats",)),
}

#: Name that a marked module must know.
MARK = "__reached__"

_COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {
    pair[place]: pair[1 - place]
    for pair in (("min", "max"), ("any", "all"), ("minimum", "maximum"), ("floor", "ceil"))
    for place in (0, 1)
}


@dataclass(frozen=True)
class Mutant:
    """One edit: the place-th that can be made in a file of the package."""

    path: str
    place: int
    line: int
    edit: str

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line} {self.edit} [{self.place}]"


Edit = tuple[ast.AST, str, Callable[[], None]]


def edits_of(tree: ast.Module) -> list[Edit]:
    """Every edit that can be made in a module: where, in words, and the function that makes it."""
    found: list[Edit] = []
    for node in _code(tree):
        found.extend(_edits(node))
    return found


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that compute: no annotations, no texts, no `__all__`, nothing for types only."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Raise):
                continue
            if isinstance(child, ast.Assign) and "__all__" in ast.unparse(child.targets[0]):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield child
            yield from _code(child)


def _edits(node: ast.AST) -> Iterator[Edit]:
    def put(name: str, value: object) -> Callable[[], None]:
        return lambda: setattr(node, name, value)

    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            other = _COMPARISONS[type(operator)]
            yield node, _words(operator, other), put("ops", [other()])
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _OPERATORS:
            other = _OPERATORS[type(operator)]
            yield node, _words(operator, other), put("op", other())
        case ast.BoolOp(op=operator):
            other = ast.Or if isinstance(operator, ast.And) else ast.And
            yield node, _words(operator, other), put("op", other())
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert() as operator):
            # twice the same for `not` and `~` is the value itself; a sign becomes a plus
            plain = ast.UAdd() if isinstance(operator, ast.USub) else operator
            operand = node.operand if plain is not operator else ast.UnaryOp(plain, node.operand)
            ast.fix_missing_locations(ast.copy_location(operand, node))
            words = f"{type(operator).__name__} dropped"
            if plain is operator:
                yield node, words, put("operand", operand)
            else:
                yield node, words, put("op", plain)
        case ast.Constant(value=bool() as value):
            yield node, f"{value} to {not value}", put("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield node, f"{value} to {value + 1}", put("value", value + 1)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMES:
            field = "id" if isinstance(node, ast.Name) else "attr"
            yield node, f"{name} to {_NAMES[name]}", put(field, _NAMES[name])


def _words(operator: ast.AST, other: type) -> str:
    return f"{type(operator).__name__} to {other.__name__}"


def digests(part: str) -> dict[str, str]:
    """Digest of each file that mutants of a part are drawn from."""
    package = ROOT / "muvistats"
    return {
        path: hashlib.sha256((package / path).read_bytes()).hexdigest() for path in files_of(part)
    }


def files_of(part: str) -> list[str]:
    package = ROOT / "muvistats"
    folders = [package / folder for folder in PARTS[part][1]]
    found = [file for folder in folders for file in folder.rglob("*.py")]
    return sorted(file.relative_to(package).as_posix() for file in found)


def draw(part: str) -> list[Mutant]:
    """The mutants of a part: each edit has a number; the first of every file, then the others."""
    number, _ = PARTS[part]
    numbered: list[tuple[bytes, Mutant]] = []
    for path in files_of(part):
        edits = edits_of(ast.parse((ROOT / "muvistats" / path).read_text(encoding="utf-8")))
        for place, (node, words, _) in enumerate(edits):
            own = f"{SEED} {path} {place} {words}".encode()
            mutant = Mutant(path, place, getattr(node, "lineno", 0), words)
            numbered.append((hashlib.sha256(own).digest(), mutant))
    numbered.sort(key=lambda pair: pair[0])
    first: dict[str, Mutant] = {}
    rest = [m for _, m in numbered if first.setdefault(m.path, m) is not m]
    drawn = [*first.values(), *rest[: number - len(first)]]
    return sorted(drawn, key=lambda mutant: (mutant.path, mutant.line, mutant.place))


def tree_of(path: str) -> tuple[ast.Module, str]:
    file = ROOT / "muvistats" / path
    return ast.parse(file.read_text(encoding="utf-8")), str(file)


def mutated(mutant: Mutant) -> CodeType:
    """The compiled module with its edit."""
    tree, file = tree_of(mutant.path)
    edits_of(tree)[mutant.place][2]()
    return compile(tree, file, "exec")


def compiled(path: str) -> CodeType:
    """The compiled module as it is."""
    return compile(*tree_of(path), "exec")


def marked(path: str) -> CodeType:
    """The compiled module that calls `MARK` at the beginning of each function."""
    tree, file = tree_of(path)
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(f"{path}:{node.lineno}")], [])
            at = 1 if ast.get_docstring(node, clean=False) is not None else 0
            node.body.insert(at, ast.copy_location(ast.Expr(call), node.body[0]))
    return compile(ast.fix_missing_locations(tree), file, "exec")


@functools.cache
def function_of(mutant: Mutant) -> int:
    """Line of the function that is edited, 0 for what runs with the import."""
    tree, _ = tree_of(mutant.path)
    edited = edits_of(tree)[mutant.place][0]
    return next(line for node, line in _owners(tree) if node is edited)


def _owners(tree: ast.AST, owner: int = 0) -> Iterator[tuple[ast.AST, int]]:
    """Each node with the line of the function in whose body it stands, 0 for the module."""
    for name, value in ast.iter_fields(tree):
        inside = isinstance(tree, ast.FunctionDef) and name == "body"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                own = tree.lineno if inside else owner
                yield child, own
                yield from _owners(child, own)
