"""The README's commands run, its recipe loads, and its file tree lists what is there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from integration.calls import call_script, load_script
from pydantic import TypeAdapter

from artimuse.config import (
    READOUT_LOSSES,
    ModelConfig,
    SourceConfig,
    load_config,
    root_paths,
    stages_of,
)
from artimuse.config.schema import FamilyName
from artimuse.config.selection import SelectMetric
from artimuse.config.stages import merged
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import save_model
from artimuse.prompts import PROTOCOLS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONFIGS = ROOT / "configs" / "README.md"
RUNS = ROOT / "configs" / "RUNS.md"
COMMAND = re.compile(r"(?:python3?|torchrun(?: --?\S+(?: \d+)?)*) (scripts/\w+\.py\b[^\n#`\"]*)")


def commands() -> list[str]:
    """Every call of a script in the READMEs, the recipes and the scripts' own descriptions."""
    texts = [README, ROOT / "data" / "README.md", CONFIGS, RUNS]
    texts += sorted((ROOT / "configs").glob("*.yaml"))
    texts += sorted((ROOT / "scripts").glob("*.py"))
    joined = [path.read_text(encoding="utf-8").replace("\\\n", "") for path in texts]
    found = [command.strip() for text in joined for command in COMMAND.findall(text)]
    return list(dict.fromkeys(found))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what the commands name: recipes, a model folder, a table of scores."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "runs" / "quickstart" / "model").mkdir(parents=True)
    (tmp_path / "data" / "custom" / "images").mkdir(parents=True)
    (tmp_path / "data" / "custom" / "scores.csv").write_text("image,score\n", encoding="utf-8")
    for recipe in (ROOT / "configs").glob("*.yaml"):
        config = load_config(recipe)
        for source in (*config.data.sources, *config.evaluation.sources):
            for _, path in root_paths(source):
                if config.data.demo is None and config.data.root == "data":
                    (tmp_path / "data" / path).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_models_of_the_configs_readme_are_configurations() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", CONFIGS.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    models = [shown["model"] for block in blocks if "model" in (shown := yaml.safe_load(block))]
    assert models
    for model in models:
        ModelConfig.model_validate_json(json.dumps(model))


def test_the_configs_readmes_stages_fit_a_recipe(tmp_path: Path) -> None:
    text = CONFIGS.read_text(encoding="utf-8")
    (block,) = [b for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "stages:" in b]
    recipe = yaml.safe_load((ROOT / "configs" / "quickstart.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(merged(recipe, yaml.safe_load(block))), encoding="utf-8")
    text_stage, score_stage = stages_of(load_config(path))
    assert (text_stage.config.objective.score, score_stage.config.objective.text) == (0, 0)
    for metric in get_args(SelectMetric):
        assert f"`{metric}`" in text


def test_the_configs_readme_lists_what_there_is() -> None:
    text = CONFIGS.read_text(encoding="utf-8")
    for kind, losses in READOUT_LOSSES.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{kind}` |")]
        assert row.split("|")[-2].split(",") == [f" {loss}" for loss in losses[:-1]] + [
            f" {losses[-1]} "
        ]
    for name in get_args(FamilyName):
        assert f"| `{name}` |" in text or f"`{name}`) |" in text
    for name in PROTOCOLS:
        assert f"`{name}`" in text


def test_commands_are_found() -> None:
    found = commands()
    assert "scripts/train.py --config configs/quickstart.yaml" in found
    assert {command.split()[0] for command in found} == {
        f"scripts/{path.name}" for path in (ROOT / "scripts").glob("*.py")
    }


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("command", commands())
def test_command_runs(command: str) -> None:
    """train.py with --dry-run; the others with --help, which has to know every option that is used."""
    script, *arguments = shlex.split(command)
    name = Path(script).stem
    if name == "train":
        called = call_script(name, *arguments, "--dry-run")
        assert called.status == 0, called.err
        assert "run:" in called.out
        return
    called = call_script(name, "--help")
    assert called.status == 0, called.err
    for option in (argument for argument in arguments if argument.startswith("--")):
        assert option in called.out


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda p: p.name)
def test_help_gives_an_example(path: Path) -> None:
    called = call_script(path.stem, "--help")
    assert called.status == 0
    assert f"python scripts/{path.name}" in called.out
    assert callable(load_script(path.stem).main)


def test_the_python_examples_run(
    workplace: Path, tiny_model: AestheticModel, draw_image: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Those of the interface, one after the other, as a reader would type them."""
    save_model(tiny_model, workplace / "runs" / "quickstart" / "model")
    for name in ("photo", "a", "b", "c"):
        assert draw_image(name) == workplace / f"{name}.jpg"
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = [block for block in blocks if "model." in block]
    assert len(lines) == 2
    assert len([line for line in lines[0].splitlines() if line]) == 3
    exec("".join(lines), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Score(value=")
    assert re.match(r"\['\d+\.\d ± \d+\.\d', ", said[1])
    assert re.match(r"\(\d, \d, \d\) \(0\.\d+, 0\.\d+\)$", said[-1])


def test_the_readmes_recipe_loads(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    recipe = tmp_path / "mixture.yaml"
    recipe.write_text(block, encoding="utf-8")
    assert load_config(recipe).model.base == "OpenGVLab/InternVL3-1B-hf"
    formats = {source["format"] for source in yaml.safe_load(block)["data"]["sources"]}
    assert formats == {"artimuse10k", "aesmmit", "fgaesthetics"}


def tree() -> set[str]:
    """Paths of the README's file tree."""
    text = README.read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n(artimuse/\n.*?)```", text, re.DOTALL)
    paths: set[str] = set()
    folder = ""
    for line in block.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name
            paths.add(name)
        else:
            paths.add(folder + name)
    return paths


def test_the_file_tree_lists_what_is_there() -> None:
    listed = tree()
    assert [path for path in sorted(listed) if not (ROOT / path).exists()] == []
    there = {f"configs/{path.name}{'/' * path.is_dir()}" for path in (ROOT / "configs").iterdir()}
    there |= {f"scripts/{path.name}" for path in (ROOT / "scripts").glob("*.py")}
    for path in (ROOT / "artimuse").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            there.add(f"artimuse/{path.name}/")
        elif path.suffix == ".py" and path.stem != "__init__":
            there.add(f"artimuse/{path.name}")
    assert sorted(there - listed) == []


def test_links_lead_somewhere() -> None:
    for path in (README, ROOT / "data" / "README.md", CONFIGS, RUNS):
        for link, anchor in re.findall(
            r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")
        ):
            if link.startswith("https://"):
                continue
            there = path.parent / link if link else path
            assert there.exists(), link
            headings = (
                re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                if anchor
                else []
            )
            known = {
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
            }
            assert not anchor or anchor in known, f"{path.name}: {link}#{anchor}"


def test_the_two_commands_and_the_licence_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    assert "pip install -e . && python scripts/train.py --config configs/quickstart.yaml" in text
    assert 'pip install -e ".[dev]" && pytest' in text
    assert "Apache-2.0" in text
    for number in ("2507.14533", "2603.03907", "2404.09624", "2401.08276"):
        assert text.count(number) == 2, f"arXiv {number}: expected its citation"


def example_sources() -> list[dict[str, Any]]:
    """Every source that a YAML block of data/README.md shows."""
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = []
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        shown = yaml.safe_load(block)
        if isinstance(shown, dict):
            assert len(shown) == 1, block
            [shown] = shown.values()
        found += shown["sources"] if isinstance(shown, dict) else shown
    return [source for source in found if isinstance(source, dict)]


def test_the_example_of_every_format_is_a_source() -> None:
    formats = set()
    for source in example_sources():
        formats.add(TypeAdapter(SourceConfig).validate_json(json.dumps(source)).format)
    union = get_args(SourceConfig)[0]
    known = {get_args(cls.model_fields["format"].annotation)[0] for cls in get_args(union)}
    assert known - formats <= {"artimuse10k", "aesmmit", "fgaesthetics"}, "these are in README.md"
