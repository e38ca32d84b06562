"""Every module imports, and imports go down only: the layers of the package, read from its source.

scripts -> benchmarks -> training | evaluation -> inference -> data | models | objectives -> batch
        -> config | records | prompts
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = (
    ("config", "records", "prompts"),
    ("batch",),
    ("data", "models", "objectives"),
    ("inference",),
    ("training", "evaluation"),
    ("benchmarks",),
    ("scripts",),
)
"""Lowest first. A part imports itself and what is lower: never what is beside or above it."""

DOOR = {"inference.api"}
"""What `artimuse/__init__.py` gives out, imported late: `artimuse.load`. Nothing else may be imported there."""

LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
FILES = sorted([*(ROOT / "artimuse").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in FILES
    if path.is_relative_to(ROOT / "artimuse")
]


@pytest.mark.parametrize("module", MODULES)
def test_module_imports(module: str) -> None:
    importlib.import_module(module)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert list(violations(path.relative_to(ROOT), source)) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("artimuse/data/order.py", "from artimuse.models.folder import load_model"),  # beside
        ("artimuse/objectives/joint.py", "import artimuse.data.collate"),  # beside
        ("artimuse/training/loop.py", "from artimuse.evaluation import metrics"),  # beside
        ("artimuse/training/loop.py", "from artimuse import evaluation"),  # beside
        ("artimuse/training/loop.py", "from ..evaluation import metrics"),  # relative
        ("artimuse/config/load.py", "from artimuse.records import Sample"),  # beside, at the bottom
        ("artimuse/models/build.py", "from artimuse.training.run import RunFolder"),  # above
        ("artimuse/inference/scorer.py", "from scripts.train import main"),  # above
        ("artimuse/data/order.py", "def late():\n    import artimuse.inference.critic"),  # hidden
        ("artimuse/__init__.py", "from artimuse.data import images"),  # the package holds nothing
        ("artimuse/__init__.py", "from artimuse.inference import critic"),  # but a door to the API
        ("artimuse/data/order.py", "from artimuse import load"),  # which is no way back in
        ("artimuse/common/text.py", "import os"),  # no such part
    ],
)
def test_a_planted_violation_is_found(path: str, line: str) -> None:
    assert list(violations(Path(path), line))


def violations(path: Path, source: str) -> Iterator[str]:
    """Imports of one file that do not go down, and a file that belongs to no part.

    Args:
        path: relative to the repository.
    """
    part = path.parts[0] if path.parts[0] == "scripts" else path.with_suffix("").parts[1]
    own = -1 if part == "__init__" else LEVEL.get(part)
    if own is None:
        yield f"{path}: {part} is none of the parts {', '.join(LEVEL)}"
        return
    for line, module in _imported(path, source):
        target = module.partition(".")[0]
        if own == -1 and any(f"{module}.".startswith(f"{door}.") for door in DOOR):
            continue
        if target != part and LEVEL.get(target, len(LAYERS)) >= own:
            yield f"{path}:{line}: {part} imports {target}, which is not below it"


def _imported(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Line and module (without `artimuse.`) of every import from this repository, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = path.parts[: len(path.parts) - node.level] if node.level else ()
            base = ".".join((*package, *filter(None, [node.module])))
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == "scripts":
                yield node.lineno, "scripts"
            elif top == "artimuse" and rest and rest != "__version__":
                yield node.lineno, rest


def test_the_package_itself_is_light_and_gives_out_the_interface() -> None:
    code = (
        "import sys, artimuse; assert {'load', 'Model'} <= set(dir(artimuse)); "
        "assert not {'torch', 'numpy', 'PIL', 'pydantic'} & sys.modules.keys(), sys.modules.keys(); "
        "assert callable(artimuse.load); assert 'torch' in sys.modules; "
        "assert not hasattr(artimuse, 'lode')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "config",
        "records",
        "prompts",
        "data.demo",
        "data.formats",
        "data.images",
        "data.checks.bad",
        "inference.score_file",
        "inference.asked",
        "inference.progress",
    ],
)
def test_stays_free_of_torch(module: str) -> None:
    """Configuration errors, --dry-run and drawing answer in a moment, without torch."""
    heavy = "{'torch', 'transformers', 'peft', 'accelerate', 'deepspeed', 'wandb'}"
    code = (
        f"import sys, artimuse.{module}; sys.exit(' '.join({heavy} & sys.modules.keys()) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_a_run_that_uses_them_imports_deepspeed_and_wandb() -> None:
    """At the top of no module: a run without them must not need them to work."""
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        named = {
            name.partition(".")[0]
            for node in top
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
        }
        assert not named & {"deepspeed", "wandb", "torchvision"}, path
