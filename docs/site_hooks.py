"""Adds the pages that are printed from tables to the documentation site; MkDocs calls it while it builds."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from amiflow.ami import catalog
from amiflow.tools import reference

ROOT = Path(__file__).resolve().parent.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The generated pages, and the README as the first page."""
    recipes = ROOT / "recipes"
    texts = [(str(path.relative_to(recipes)), path.read_text(encoding="utf-8")) for path in recipes.rglob("*.flow")]
    grammar = (ROOT / "grammar" / "amiflow.lark").read_text(encoding="utf-8")
    known = catalog.load()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {
        "index.md": readme.replace("](docs/", "](").replace("](recipes)", "](reference/recipes.md)"),
        "reference/functions.md": reference.functions(),
        "reference/diagnostics.md": reference.diagnostics(),
        "reference/events.md": reference.events(known),
        "reference/actions.md": reference.actions(known),
        "reference/recipes.md": reference.recipes(texts),
        "reference/grammar.md": f"# Grammar\n\n```lark\n{grammar}```\n",
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files
