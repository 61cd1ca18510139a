"""Imports: the declarations of other files become part of the recipe's tree, under names like `queues.room`.

Belongs here: which file is read, cycles, and the new tree. Never here: what names mean (`bind`): behind this phase
there is one file, whose names may hold a dot; spans still say which text they are of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from amiflow.lang import nodes, problems_names
from amiflow.lang.bind import bind
from amiflow.lang.depth import too_deep
from amiflow.lang.grammar import Grammar
from amiflow.lang.parse import parse
from amiflow.lang.walk import Whole
from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source, Span

_EXPORTED = (
    nodes.ParamDecl, nodes.SecretDecl, nodes.LetDecl, nodes.TableDecl, nodes.MapDecl, nodes.CounterDecl,
    nodes.SeriesDecl, nodes.PoolDecl, nodes.HoursDecl, nodes.TaskDecl,
)  # fmt: skip


_SUFFIX = ".flow"
MOST_OPEN = 20
"""How many files may stand open within each other, each importing the next."""


@dataclass(frozen=True, slots=True)
class _Module:
    """An imported file: what its names are called in the whole, and which of them are tasks. Of a broken one nothing
    is known, and nothing more is said."""

    names: Mapping[str, str]
    tasks: frozenset[str]
    broken: bool = False


class Importer:
    """Reads what a recipe imports. Each file is read once, however many ways lead to it: its stores are one."""

    def __init__(self, read: Callable[[str], str], grammar: Grammar | None) -> None:
        self.sources: dict[str, Source] = {}
        self.found: list[Diagnostic] = []
        self._read = read
        self._grammar = grammar
        self._modules: dict[str, _Module] = {}
        self._decls: list[nodes.Decl] = []
        self._open: list[str] = []

    def whole(self, file: nodes.File, path: str) -> nodes.File:
        """The file with the declarations of all that it imports in front of its own."""
        imports = [decl for decl in file.decls if isinstance(decl, nodes.ImportDecl)]
        if not imports:
            return file
        self._open.append(path)
        modules = self._import(imports, path, "")
        self._open.pop()
        own = _Renaming(_Module({}, frozenset()), modules)
        decls = tuple(own.of(decl) for decl in file.decls)
        self._told(own, imports)
        return replace(file, decls=(*self._decls, *decls))

    def _import(self, imports: list[nodes.ImportDecl], path: str, prefix: str) -> dict[str, _Module]:
        modules: dict[str, _Module] = {}
        for decl in imports:
            target = _joined(path, decl.path.value)
            flaw = self._flaw(decl, target)
            if flaw is not None:
                self.found.append(flaw)
            if flaw is not None or not decl.path.value:  # of a path that is missing the parser has told
                modules[decl.name.text] = _Module({}, frozenset(), broken=True)
            else:
                modules[decl.name.text] = self._module(target, f"{prefix}{decl.name.text}.")
        return modules

    def _flaw(self, decl: nodes.ImportDecl, target: str) -> Diagnostic | None:
        path = decl.path.value
        if path and (path.startswith("/") or not path.endswith(_SUFFIX)):
            return problems_names.bad_import(decl)
        if target in self._open:
            return problems_names.import_cycle(decl, target)
        if len(self._open) >= MOST_OPEN:
            return problems_names.imports_too_deep(decl, MOST_OPEN)
        return None

    def _module(self, path: str, prefix: str) -> _Module:
        if path not in self._modules:
            source = self.sources[path] = Source(path, self._read(path))
            file, syntax = parse(source, self._grammar)
            whole = Whole(file)
            deep = too_deep(whole)
            self.found += syntax if deep is None or any(one.code == deep.code for one in syntax) else [*syntax, deep]
            if deep is not None:
                file = replace(file, decls=())
            self._open.append(path)
            imports = [decl for decl in file.decls if isinstance(decl, nodes.ImportDecl)]
            modules = self._import(imports, path, prefix)
            self._open.pop()
            self._modules[path] = self._merge(file, path, prefix, modules)
        return self._modules[path]

    def _merge(self, file: nodes.File, path: str, prefix: str, modules: dict[str, _Module]) -> _Module:
        exported = [decl for decl in file.decls if isinstance(decl, _EXPORTED)]
        module = _Module(
            {decl.name.text: prefix + decl.name.text for decl in exported},
            frozenset(decl.name.text for decl in exported if isinstance(decl, nodes.TaskDecl)),
        )
        # Names that hide others would be taken for them below, so this is looked for in the file as it stands.
        self.found += [one for one in bind(Whole(file))[1] if one.code in ("shadowed", "duplicate-name")]
        renaming = _Renaming(module, modules)
        for decl in file.decls:
            if isinstance(decl, _EXPORTED):
                renamed = renaming.of(decl)
                named = replace(renamed, name=nodes.Ident(decl.name.span, module.names[decl.name.text]))
                if isinstance(named, nodes.TableDecl):
                    there = nodes.PlainText(named.path.span, _beside(path, named.path.value, self._open[0]))
                    named = replace(named, path=there)
                self._decls.append(named)
            elif isinstance(decl, nodes.UserEventDecl):
                self._decls.append(decl)
        self._told(renaming, [])
        return module

    def _told(self, renaming: _Renaming, imports: list[nodes.ImportDecl]) -> None:
        self.found += renaming.found
        for decl in imports:
            module = renaming.modules.get(decl.name.text)
            if module is not None and not module.broken and decl.name.text not in renaming.used:
                self.found.append(problems_names.unused_import(decl))


class _Renaming:
    """A copy of a tree in which the names of its file, and those of modules, are those of the whole."""

    def __init__(self, own: _Module, modules: Mapping[str, _Module]) -> None:
        self.found: list[Diagnostic] = []
        self.used: set[str] = set()
        self.modules = modules
        self._own = own

    def of(self, node: Any) -> Any:
        match node:
            case nodes.Name(span=span, text=text) if text in self._own.names:
                return nodes.Name(span, self._own.names[text])
            case nodes.Member(span=span, base=nodes.Name(text=alias), name=name) if alias in self.modules:
                return self._part(span, alias, name)
            case nodes.Call(module=nodes.Ident(text=alias)) if alias in self.modules:
                return self._call(node, alias)
            case nodes.Call(module=None, name=name) if name.text in self._own.tasks:
                task = nodes.Ident(name.span, self._own.names[name.text])
                return replace(node, name=task, args=self.of(node.args))
            case nodes.GivenParam(name=name) | nodes.GivenTable(name=name) if "." in name.text:
                value = (
                    {"value": self.of(node.value)}
                    if isinstance(node, nodes.GivenParam)
                    else {"rows": self.of(node.rows)}
                )
                return replace(node, name=self._given(name), **value)
            case tuple():
                items = tuple(map(self.of, node))
                return items if any(new is not old for new, old in zip(items, node, strict=True)) else node
        if not is_dataclass(node) or isinstance(node, type | Span):
            return node
        old = {field.name: getattr(node, field.name) for field in fields(node)}
        new = {name: self.of(value) for name, value in old.items()}
        return replace(node, **new) if any(new[name] is not old[name] for name in old) else node

    def _part(self, span: Span, alias: str, name: nodes.Ident) -> nodes.Expr:
        self.used.add(alias)
        module = self.modules[alias]
        if name.text in module.names:
            return nodes.Name(span, module.names[name.text])
        if not module.broken:
            self.found.append(problems_names.not_in_module(alias, name, list(module.names)))
        return nodes.Hole(span)

    def _given(self, name: nodes.Ident) -> nodes.Ident:
        """The param or table that a test gives, by its name in the whole."""
        alias, _, own = name.text.partition(".")
        module = self.modules.get(alias)
        return name if module is None else nodes.Ident(name.span, module.names.get(own, name.text))

    def _call(self, call: nodes.Call, alias: str) -> nodes.Expr:
        self.used.add(alias)
        module = self.modules[alias]
        if call.name.text not in module.tasks:
            if not module.broken:
                self.found.append(problems_names.not_in_module(alias, call.name, sorted(module.tasks)))
            return nodes.Hole(call.span)
        name = nodes.Ident(call.name.span, module.names[call.name.text])
        return replace(call, module=None, name=name, args=self.of(call.args))


def _joined(path: str, other: str) -> str:
    """The path of a file that another one names, relative to itself."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / other).parts:
        if part == ".." and parts and parts[-1] not in ("..", "/"):
            parts.pop()
        else:
            parts.append(part)
    return str(PurePosixPath(*parts))


def _beside(path: str, table: str, main: str) -> str:
    """A table's path, given relative to its own file, relative to the recipe's folder."""
    target, folder = PurePosixPath(_joined(path, table)), PurePosixPath(main).parent
    return str(target.relative_to(folder)) if target.is_relative_to(folder) else str(target)
