"""Wording: names, params and imports that are missing, taken, unused or out of place.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amiflow.lang import nodes
from amiflow.lang.scope import SYMBOL_WORDS, Symbol
from amiflow.lang.wording import choices, did_you_mean, problem, replaced
from amiflow.plan.builtins import BUILTINS
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span
from amiflow.report.suggest import near


def unknown_name(
    name: nodes.Name, visible: Sequence[str], messages: Sequence[Symbol], elsewhere: Symbol | None
) -> Diagnostic:
    help = None if elsewhere is not None else did_you_mean(name.text, visible)
    if help is None and messages and name.text[:1].isupper():
        help = f"headers are reached through their message: `{messages[0].name}.{name.text}`"
    return problem(
        "unknown-name",
        f"nothing is called `{name.text}` here",
        name.span,
        "unknown here",
        secondary=((elsewhere.span, "known only in its own block"),) if elsewhere is not None else (),
        help=help,
        edit=None if elsewhere is not None else replaced(name.span, name.text, visible),
    )


def used_before(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return problem(
        "unknown-name",
        f"`{name.text}` is used before it is declared",
        name.span,
        "not known yet",
        secondary=((symbol.span, "declared here"),),
        help="move the declaration up",
    )


def duplicate_name(symbol: Symbol, earlier: Symbol) -> Diagnostic:
    return _declared_twice(f"`{symbol.name}`", symbol.span, earlier.span)


def duplicate_declaration(what: str, name: nodes.Ident, earlier: nodes.Ident) -> Diagnostic:
    return _declared_twice(f"the {what} `{name.text}`", name.span, earlier.span)


def _declared_twice(what: str, again: Span, first: Span) -> Diagnostic:
    return problem(
        "duplicate-name",
        f"{what} is declared twice",
        again,
        "again here",
        secondary=((first, "first here"),),
        help="give one of them another name",
    )


def shadowed(symbol: Symbol, earlier: Symbol) -> Diagnostic:
    return problem(
        "shadowed",
        f"`{symbol.name}` hides a name that is in use here",
        symbol.span,
        "the same name again",
        secondary=((earlier.span, f"{SYMBOL_WORDS[earlier.kind]}"),),
        help="give it another name",
    )


def unused_name(symbol: Symbol) -> Diagnostic:
    what = {"param": "the param ", "secret": "the secret "}.get(symbol.kind, "")
    return problem("unused-name", f"{what}`{symbol.name}` is never used", symbol.span, "never read")


def unused_userevent(name: nodes.Ident) -> Diagnostic:
    return problem("unused-name", f"the userevent `{name.text}` is never used", name.span, "never named again")


def unknown_param(name: nodes.Ident, params: Sequence[str], symbol: Symbol | None) -> Diagnostic:
    headline = f"there is no param `{name.text}`"
    if symbol is not None:
        headline = f"`{name.text}` is {SYMBOL_WORDS[symbol.kind]}, and only params can be given"
    return problem(
        "unknown-param",
        headline,
        name.span,
        "no param",
        notes=() if near(name.text, params) else choices(params, "the params are"),
        help=did_you_mean(name.text, params),
        edit=replaced(name.span, name.text, params),
    )


def unknown_flow(name: nodes.Ident, flows: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-flow",
        f"there is no flow `{name.text}`",
        name.span,
        "no such flow",
        notes=() if near(name.text, flows) else choices(flows, "the flows are"),
        help=did_you_mean(name.text, flows),
        edit=replaced(name.span, name.text, flows),
    )


def unknown_signal(name: nodes.Ident, signals: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-name",
        f"no flow takes a signal `{name.text}`",
        name.span,
        "no such signal",
        notes=choices(signals, "there are"),
        help=did_you_mean(name.text, signals),
    )


def not_a_var(target: nodes.Name, symbol: Symbol) -> Diagnostic:
    return problem(
        "not-settable",
        f"`{target.text}` cannot be set",
        target.span,
        "no `var`",
        secondary=((symbol.span, SYMBOL_WORDS[symbol.kind]),),
        help=f"introduce it by `var {target.text} = …`" if symbol.kind == "let" else "use a `var` of its own",
    )


def import_cycle(decl: nodes.ImportDecl, path: str) -> Diagnostic:
    return problem("import-cycle", f"`{path}` imports itself", decl.path.span, "leads back to it")


def bad_import(decl: nodes.ImportDecl) -> Diagnostic:
    return problem(
        "bad-import",
        f"`{decl.path.value}` is no recipe beside this one",
        decl.path.span,
        "a relative path to a `.flow` file is wanted",
    )


def imports_too_deep(decl: nodes.ImportDecl, most: int) -> Diagnostic:
    headline = f"at most {most} files import each other in a row"
    return problem("nested-too-deep", headline, decl.path.span, "one too many")


def unused_import(decl: nodes.ImportDecl) -> Diagnostic:
    return problem("unused-name", f"nothing of `{decl.name.text}` is used", decl.name.span, "never used")


def not_in_module(module: str, name: nodes.Ident, known: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-name",
        f"`{module}` has no `{name.text}`",
        name.span,
        "not there",
        notes=choices(known, "there are"),
        help=did_you_mean(name.text, known),
        edit=replaced(name.span, name.text, known),
    )


def no_module(call: nodes.Call, module: nodes.Ident, symbol: Symbol | None, imports: Sequence[str]) -> Diagnostic:
    if call.name.text in BUILTINS:
        help: str | None = f"a function stands alone: `{call.name.text}(…)`"
    else:
        help = did_you_mean(module.text, imports) or 'only what was imported has tasks to call: `import "…" as …`'
    return problem(
        "unknown-name",
        f"no file is imported as `{module.text}`",
        module.span,
        "not an import" if symbol is None else SYMBOL_WORDS[symbol.kind],
        help=help,
        edit=None if call.name.text in BUILTINS else replaced(module.span, module.text, imports),
    )


def builtin_name(name: nodes.Ident) -> Diagnostic:
    return problem("duplicate-name", f"`{name.text}` is a function of the language", name.span, "taken")


def not_a_value(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return problem(
        "useless-call",
        f"`{name.text}` is {SYMBOL_WORDS[symbol.kind]}, and no value",
        name.span,
        "no value",
        secondary=((symbol.span, "declared here"),),
    )


def default_uses(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return problem(
        "param-default",
        f"the default of a param cannot use `{name.text}`",
        name.span,
        SYMBOL_WORDS[symbol.kind],
        notes=("params are known before anything else of the file; a default may use the params above it",),
    )
