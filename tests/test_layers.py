"""The rules of the tree: who may import whom, and how long things may grow. Read from the source, never run."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

BOT = Path(__file__).parent.parent / "bot"
MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_A_MODULE = 520

LAYERS: dict[str, tuple[str, ...]] = {
    "bot.core": ("bot.core",),
    "bot.pipeline": ("bot.core", "bot.pipeline"),
    "bot.github": ("bot.core", "bot.github"),
    "bot.store": ("bot.core", "bot.store"),
    "bot.operators": ("bot.core", "bot.operators"),
    "bot.web": ("bot.core", "bot.web", "bot.log", "bot.metrics"),
    "bot.engine": (
        "bot.core",
        "bot.pipeline",
        "bot.engine",
        "bot.store",
        "bot.settings",
        "bot.metrics",
        "bot.markdown",
    ),
    "bot.simulator": ("bot.simulator",),
    "bot.explain": ("bot.core",),
    "bot.settings": (),
    "bot.log": (),
    "bot.metrics": (),
    "bot.markdown": (),
}
"""What of the bot each layer may know; app, serving, cli and demo put everything together and stand in no row."""
TOGETHER = {"bot", "bot.__main__", "bot.app", "bot.serving", "bot.cli", "bot.demo"}
STORE_FACE = "bot.store"

OWNERS: dict[str, tuple[str, ...]] = {
    "httpx": ("bot.github.http", "bot.simulator", "bot.demo"),
    "sqlalchemy": ("bot.store",),
    "alembic": ("bot.store",),
    "aiosqlite": ("bot.store",),
    "gidgethub": ("bot.github",),
    "jinja2": ("bot.pipeline",),
    "typer": ("bot.cli",),
    "uvicorn": ("bot.serving", "bot.web.lines", "bot.demo"),
    "markdown_it": ("bot.markdown",),
}
"""Libraries that only a few may import, so that each can be exchanged in one place."""


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    tree: ast.Module

    @property
    def layer(self) -> str:
        """The folder or module right below `bot`; the demo is several modules beside one another."""
        return "bot.demo" if self.name.startswith("bot.demo") else ".".join(self.name.split(".")[:2])

    @cached_property
    def imports(self) -> frozenset[str]:
        return frozenset(self._imports())

    def _imports(self) -> Iterator[str]:
        """Every module that is imported, inside functions too; of `from a import b` both `a` and `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from self._imported_from(node)

    def _imported_from(self, node: ast.ImportFrom) -> Iterator[str]:
        base = node.module or ""
        if node.level:
            package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
            above = package[: len(package) - node.level + 1]
            base = ".".join([*above, *filter(None, [node.module])])
        yield base
        yield from (name for alias in node.names if (name := f"{base}.{alias.name}") in NAMES)


def _read(path: Path) -> Module:
    parts = path.relative_to(BOT.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, ast.parse(path.read_text("utf-8"), filename=str(path)))


MODULES = [_read(path) for path in sorted(BOT.rglob("*.py"))]
NAMES = {module.name for module in MODULES}


def _within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in allowed)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_knows_only_what_lies_below_it(layer: str) -> None:
    strays = [
        f"{module.name} imports {name}"
        for module in MODULES
        if module.layer == layer
        for name in module.imports
        if _within(name, ("bot",)) and name != "bot" and not _within(name, (*LAYERS[layer], module.name))
    ]

    assert strays == []


def test_every_module_stands_in_a_layer() -> None:
    assert {module.layer for module in MODULES} - set(LAYERS) <= TOGETHER


def test_the_core_imports_only_the_standard_library() -> None:
    strays = [
        f"{module.name} imports {name}"
        for module in MODULES
        if module.layer == "bot.core"
        for name in module.imports
        if (top := name.split(".")[0]) not in sys.stdlib_module_names
        and top != "bot"
        and (module.name, top) != ("bot.core.versions", "packaging")
    ]

    assert strays == []


def test_the_engine_knows_the_store_by_its_face_alone() -> None:
    strays = [
        f"{module.name} imports {name}"
        for module in MODULES
        if module.layer == "bot.engine"
        for name in module.imports
        if name.startswith(f"{STORE_FACE}.")
    ]

    assert strays == []


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    strays = [
        module.name
        for module in MODULES
        for name in module.imports
        if name.split(".")[0] == library
        and not _within(module.name, OWNERS[library])
        and module.layer not in OWNERS[library]
    ]

    assert strays == []


def test_only_the_outermost_modules_put_layers_together() -> None:
    below = set(LAYERS) - {"bot.core"}
    crossing = {
        module.layer
        for module in MODULES
        if len({place for name in module.imports for place in below if _within(name, (place,))}) > 1
        and module.layer not in {"bot.engine", "bot.web"}
    }

    assert crossing <= TOGETHER


def test_no_function_grows_too_long() -> None:
    long = {
        f"{module.name}.{node.name}": lines
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    }

    assert long == {}


def test_no_module_grows_too_long() -> None:
    lines = {module.name: len(module.path.read_text("utf-8").splitlines()) for module in MODULES}

    assert {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_MODULE} == {}
