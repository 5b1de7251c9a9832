"""The kit of the homework: what is in the file that students install, and what is not."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import shutil
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from grader import cli
from grader.kit.build import Kit, build_kit
from grader.rubric import Rubric

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    return build_kit(Rubric.load("ddpm"), tmp_path_factory.mktemp("kit"))


@pytest.fixture(scope="module")
def files(kit: Kit) -> dict[str, bytes]:
    with zipfile.ZipFile(kit.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _modules(files: dict[str, bytes]) -> dict[str, ast.Module]:
    return {name: ast.parse(text) for name, text in files.items() if name.endswith(".py")}


def test_it_has_no_solution_no_audit_and_nothing_for_staff(files: dict[str, bytes]) -> None:
    packages = {name.split("/")[1] for name in files if name.startswith("grader/") and name.count("/") > 1}
    assert packages == {
        *("checks", "commands", "extraction", "judging", "magic", "notebook", "probes", "report", "sandbox")
    }
    assert [name for name in files if name.endswith(".ipynb")] == ["rubrics/ddpm/handout.ipynb"]
    assert not [name for name in files if "/audit/" in name or name.endswith(".safetensors")]
    reference = {name for name in files if name.startswith("reference/") and name.endswith(".py")}
    assert {Path(name).stem for name in reference} == {
        *("__init__", "diffuser", "digits", "evaluation", "interfaces", "mnist", "readings", "schedule"),
        "split",
    }
    commands = {Path(name).stem for name in files if name.startswith("grader/commands/")}
    assert not commands & {"adjust", "audit", "export", "grade", "kit", "review", "show"}


def test_no_file_of_the_reference_that_solves_an_exercise_is_in_it(files: dict[str, bytes]) -> None:
    contents = {hashlib.sha256(content).digest() for content in files.values()}
    for name in ("diffuser", "unet", "trainer", "sampler", "pretrained"):
        assert hashlib.sha256((ROOT / "reference" / f"{name}.py").read_bytes()).digest() not in contents


def test_it_has_no_network_in_any_form(files: dict[str, bytes]) -> None:
    """No class of the rubric or the reference derives from a module of PyTorch, and none builds a layer."""
    for name, tree in _modules(files).items():
        if name.startswith("grader/"):
            continue
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [each for each in calls if each.split(".")[-1] in ("Conv2d", "Linear", "ConvTranspose2d")]
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        assert not [each.name for each in classes if "Module" in {ast.unparse(one) for one in each.bases}]


def _imported(name: str, tree: ast.Module) -> set[str]:
    """Return the modules that a module imports, function-level imports included."""
    package = name.split("/")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


def test_every_module_of_ours_that_it_imports_is_in_it(files: dict[str, bytes]) -> None:
    paths = [name.removesuffix(".py") for name in files if name.endswith(".py")]
    modules = {path.removesuffix("/__init__").replace("/", ".") for path in paths}
    imported = {each for name, tree in _modules(files).items() for each in _imported(name, tree)}
    ours = {each for each in imported if each.partition(".")[0] in ("grader", "reference", "rubrics")}
    assert ours - modules == set()


def test_everything_else_that_it_imports_is_required(files: dict[str, bytes]) -> None:
    text = next(content for name, content in files.items() if name.endswith("/METADATA")).decode()
    lines = [line for line in text.splitlines() if line.startswith("Requires-Dist: ")]
    required = {line.removeprefix("Requires-Dist: ").partition(">")[0] for line in lines}
    imported = {
        each.partition(".")[0]
        for name, tree in _modules(files).items()
        if not name.startswith("grader/sandbox/worker/")  # which works without what it silences
        for each in _imported(name, tree)
    }
    foreign = imported - set(sys.stdlib_module_names) - {"grader", "reference", "rubrics"}
    providers = metadata.packages_distributions()
    needed = {name: {each.lower() for each in providers.get(name, [name])} for name in foreign}
    assert {name for name, by in needed.items() if not by & required} <= {"markupsafe"}  # jinja2 needs it
    assert not required & {"pandas", "babel", "nbconvert", "starlette"}
    assert required >= {"torch", "torchvision", "einops", "tqdm"}  # which homework imports


def test_the_record_lists_every_file_with_its_digest(files: dict[str, bytes]) -> None:
    record = next(content for name, content in files.items() if name.endswith("/RECORD")).decode()
    rows = [line.rsplit(",", 2) for line in record.splitlines()]
    assert {name for name, _, _ in rows} == files.keys()
    for name, digest, size in rows:
        if digest:
            own = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={own}", len(files[name]))


def test_the_tables_are_the_references_curves(files: dict[str, bytes], tmp_path: Path) -> None:
    import numpy as np

    from reference.diffuser import NoiseDiffuser

    table = tmp_path / "schedules.npz"
    table.write_bytes(files["reference/data/schedules.npz"])
    drawn = json.loads(files["rubrics/ddpm/schedules.json"])
    assert min(one["total_steps"] for one in drawn) >= 24
    assert sum(one["total_steps"] <= 40 for one in drawn) >= 4
    with np.load(table) as arrays:
        assert len(arrays) == 3 + len(drawn)
        for key, curves in arrays.items():
            start, end, steps = key.split(",")
            right = NoiseDiffuser(float(start), float(end), int(steps))
            for found, expected in zip(curves, (right.betas, right.alphas, right.alpha_bar), strict=True):
                assert np.array_equal(found, expected.numpy())


def test_the_same_rubric_gives_the_same_file(kit: Kit, tmp_path: Path) -> None:
    again = build_kit(Rubric.load("ddpm"), tmp_path)
    assert again.wheel.name == kit.wheel.name
    assert again.wheel.read_bytes() == kit.wheel.read_bytes()


def test_a_child_of_the_rubric_gives_its_own_points_and_hides_what_it_hides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = tmp_path / "spring"
    child.mkdir()
    (child / "handout.ipynb").write_text("{}")
    (child / "rubric.toml").write_text(
        'extends = "ddpm"\nid = "spring"\ntotal = 90\n\n[kit]\nasked = ["schedule", "forward"]\n\n'
        '[[criterion]]\nid = "forward.image_coefficient"\nvisibility = "hidden"\n\n'
        '[[criterion]]\nid = "unet.skip_level1"\npoints = 0\n\n'
        '[[criterion]]\nid = "schedule.betas"\npoints = 1\n'
    )
    assert cli.main(["kit", "--rubric", str(child), "--out", str(tmp_path / "out")]) == 0
    (wheel,) = (tmp_path / "out").glob("ddpm_grader-*+kit.spring.*.whl")
    printed = capsys.readouterr().out
    assert "20 of 90 points" in printed
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    rules = tomllib.loads(files["rubrics/ddpm/rubric.toml"].decode())
    assert rules["self_check_of"] == 90
    assert "extends" not in rules
    assert "check_image_fades" not in files["rubrics/ddpm/check_1_forward.py"].decode()
    assert "image-root-missing" not in files["rubrics/ddpm/misconceptions.toml"].decode()
    assert "rubrics/ddpm/check_3_sampler.py" not in files
    assert files["rubrics/ddpm/handout.ipynb"] == b"{}"


def test_a_rubric_without_a_kit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["kit", "--rubric", "attention", "--out", str(tmp_path)]) == 2
    assert "does not say what a kit may ask" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_copy_of_the_rubric_judges_but_makes_no_kit_without_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "my_rubric"
    shutil.copytree(ROOT / "rubrics" / "ddpm", copy, ignore=shutil.ignore_patterns("__pycache__", "audit"))
    assert Rubric.load(str(copy)).id == "ddpm"
    assert cli.main(["kit", "--rubric", str(copy), "--out", str(tmp_path / "kit")]) == 2
    assert "reference/__init__.py cannot be read (No such file or directory)" in capsys.readouterr().err
