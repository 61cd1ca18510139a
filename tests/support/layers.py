"""The architecture as a checker: reads every import and every forbidden use by `ast`, without running the code.

Belongs here: the layer table and its rules. `tests/test_layers.py` runs it on the project and on made-up violations.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAY_IMPORT: dict[str, frozenset[str]] = {
    "report": frozenset(),
    "ami": frozenset(),
    "plan": frozenset({"report"}),
    "lang": frozenset({"report", "ami", "plan"}),
    "engine": frozenset({"ami", "plan"}),
    "tools": frozenset({"report", "ami", "plan", "lang", "engine"}),
    "live": frozenset({"report", "ami", "plan", "engine", "tools"}),
    "cli": frozenset({"report", "plan", "lang", "live", "tools"}),
}
# what else a package may read, module by module, with its reason
ALSO: dict[tuple[str, str], str] = {
    ("engine", "amiflow.report.source"): "effects carry the spans of the plan's nodes",
    ("cli", "amiflow.ami.catalog"): "the compiler is handed its facts",
}
PURE = frozenset({"report", "ami", "plan", "lang", "engine", "tools"})

WORLD = {
    "socket": "a socket",
    "ssl": "a socket",
    "select": "a socket",
    "selectors": "a socket",
    "asyncio": "a socket",
    "socketserver": "a socket",
    "http": "a socket",
    "urllib": "a socket",
    "time": "the clock",
    "sched": "the clock",
    "threading": "a thread",
    "_thread": "a thread",
    "queue": "a thread",
    "concurrent": "a thread",
    "multiprocessing": "a process",
    "subprocess": "a process",
    "signal": "a signal",
    "random": "randomness",
    "secrets": "randomness",
    "uuid": "randomness",
    "logging": "logging",
    "warnings": "logging",
    "os": "the environment",
    "sys": "the environment",
    "pathlib": "a file",
    "io": "a file",
    "tempfile": "a file",
    "shutil": "a file",
    "glob": "a file",
    "fileinput": "a file",
    "sqlite3": "a file",
    "importlib": "a file",
}
# names of those modules that touch nothing
HARMLESS = frozenset({"sys.intern", "pathlib.PurePath", "pathlib.PurePosixPath", "io.StringIO"})
# modules that read package data, and what they need for it
PACKAGE_DATA: dict[str, frozenset[str]] = {
    "amiflow.ami.catalog": frozenset({"importlib", "pathlib"}),
    "amiflow.lang.grammar": frozenset({"importlib", "pathlib"}),
}
WORLDLY_BUILTINS = {
    "open": "a file",
    "print": "a file",
    "input": "a file",
    "breakpoint": "a file",
    "__import__": "a file",
}
CLOCK_CALLS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})


@dataclass(frozen=True)
class Imported:
    """One imported name: the module it is looked for in, the name (none for `import m`), and where."""

    module: str
    name: str | None
    line: int
    in_function: bool


@dataclass(frozen=True)
class File:
    """A module of the project, read and not run."""

    module: str
    is_package: bool
    text: str
    tree: ast.Module
    imports: tuple[Imported, ...]

    @property
    def package(self) -> str:
        """The layer: `report` for `amiflow.report.source`; empty for the root."""
        return [*self.module.split("."), ""][1]


def read_project(root: Path) -> dict[str, File]:
    """Every module under `root/amiflow`, by its dotted name."""
    paths = sorted((root / "amiflow").rglob("*.py"))
    return read({path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths})


def read(texts: Mapping[str, str]) -> dict[str, File]:
    """Modules from their texts, by paths such as `amiflow/report/source.py`."""
    files = {}
    for path, text in texts.items():
        parts = path.removesuffix(".py").split("/")
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        tree = ast.parse(text)
        files[module] = File(module, is_package, text, tree, tuple(_imports(tree, False)))
    return files


def violations(files: Mapping[str, File]) -> list[str]:
    """Everything in these modules that the architecture forbids, one line each."""
    found = []
    for file in files.values():
        found += [f"{file.module}: {text}" for rule in _FILE_RULES for text in rule(file, files)]
    return found + list(_reaches_lang(files)) + list(_cycles(files))


# --- rules of one file ------------------------------------------------------------------------------------------------


def _opens_with_its_law(file: File, files: Mapping[str, File]) -> Iterator[str]:
    if not ast.get_docstring(file.tree):
        yield "opens with no docstring"
    elif file.is_package and len(file.tree.body) > 1:
        yield "a package's __init__ holds more than its docstring"


def _follows_the_table(file: File, files: Mapping[str, File]) -> Iterator[str]:
    for one in _own(file):
        target = [*one.module.split("."), ""][1] or one.name or ""
        allowed = MAY_IMPORT.get(file.package, frozenset()) | {file.package}
        if target not in allowed and (file.package, _target(one, files)) not in ALSO:
            yield f"line {one.line}: {file.package or 'the root'} may not import {target}"


def _names_modules(file: File, files: Mapping[str, File]) -> Iterator[str]:
    for one in file.imports:
        if one.module.startswith("."):
            yield f"line {one.line}: a relative import"
    for one in _own(file):
        target = _target(one, files)
        if target not in files or files[target].is_package:
            yield f"line {one.line}: {one.module}{f':{one.name}' if one.name else ''} is no module"


def _stays_out_of_the_world(file: File, files: Mapping[str, File]) -> Iterator[str]:
    if file.package not in PURE:
        return
    granted = PACKAGE_DATA.get(file.module, frozenset())
    for one in file.imports:
        top = one.module.split(".")[0]
        if top in WORLD and top not in granted and f"{top}.{one.name}" not in HARMLESS:
            yield f"line {one.line}: {file.package} is pure and touches {WORLD[top]} ({one.module})"
    for node in ast.walk(file.tree):
        name = _dotted(node.func) if isinstance(node, ast.Call) else ""
        if name in WORLDLY_BUILTINS:
            yield f"line {node.lineno}: {file.package} is pure and touches {WORLDLY_BUILTINS[name]} ({name})"
        elif ".".join(name.split(".")[-2:]) in CLOCK_CALLS:
            yield f"line {node.lineno}: {file.package} is pure and touches the clock ({name})"


def _keeps_libraries_in_their_rooms(file: File, files: Mapping[str, File]) -> Iterator[str]:
    for one in file.imports:
        top = one.module.split(".")[0]
        if top == "lark" and file.module != "amiflow.lang.grammar":
            yield f"line {one.line}: Lark belongs into lang/grammar.py"
        if top == "click" and file.package != "cli":
            yield f"line {one.line}: Click belongs into cli/"


def _gives_reasons(file: File, files: Mapping[str, File]) -> Iterator[str]:
    lines = file.text.splitlines()
    for one in file.imports:
        if one.in_function and "#" not in "".join(lines[max(0, one.line - 2) : one.line]):
            yield f"line {one.line}: an import inside a function without a comment that says why"


_FILE_RULES = (
    _opens_with_its_law,
    _follows_the_table,
    _names_modules,
    _stays_out_of_the_world,
    _keeps_libraries_in_their_rooms,
    _gives_reasons,
)

# --- rules of the whole -----------------------------------------------------------------------------------------------


def _graph(files: Mapping[str, File]) -> dict[str, list[str]]:
    return {name: sorted({_target(one, files) for one in _own(file)} & files.keys()) for name, file in files.items()}


def _reaches_lang(files: Mapping[str, File]) -> Iterator[str]:
    graph = _graph(files)
    for start in (name for name, file in files.items() if file.package == "live"):
        came_from: dict[str, str] = {start: ""}
        todo = [start]
        while todo:
            here = todo.pop()
            if files[here].package == "lang":
                yield f"{start}: lang is within reach: {' <- '.join(_way_back(here, came_from))}"
                break
            fresh = [there for there in graph[here] if there not in came_from]
            came_from.update(dict.fromkeys(fresh, here))
            todo += fresh


def _way_back(here: str, came_from: Mapping[str, str]) -> Iterator[str]:
    while here:
        yield here
        here = came_from[here]


def _cycles(files: Mapping[str, File]) -> Iterator[str]:
    graph = _graph(files)
    leaves_first = {name: set(targets) for name, targets in graph.items()}
    while done := {name for name, targets in leaves_first.items() if not targets}:
        leaves_first = {name: targets - done for name, targets in leaves_first.items() if name not in done}
    if leaves_first:
        yield f"modules import each other in a circle: {', '.join(sorted(leaves_first))}"


# --- reading ----------------------------------------------------------------------------------------------------------


def _own(file: File) -> list[Imported]:
    return [one for one in file.imports if one.module.split(".")[0] == "amiflow"]


def _target(one: Imported, files: Mapping[str, File]) -> str:
    """The module that an import needs: `from amiflow.lang import nodes` needs `amiflow.lang.nodes`."""
    inner = f"{one.module}.{one.name}"
    return inner if inner in files else one.module


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as it is written; what is no name but a value is left out."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    return ""


def _imports(node: ast.AST, in_function: bool) -> Iterator[Imported]:
    """Every import below the node; an expression holds none."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue
        if isinstance(child, ast.Import):
            yield from (Imported(alias.name, None, child.lineno, in_function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = "." * child.level + (child.module or "")
            yield from (Imported(module, alias.name, child.lineno, in_function) for alias in child.names)
        else:
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports(child, inside)
