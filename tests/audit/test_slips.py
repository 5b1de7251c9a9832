"""``grade audit --slips``: an edit counts if the notebook still runs and computes something else."""

from __future__ import annotations

import pytest
from conftest import Command
from corpus import CORPUS

from grader.audit.numbers.client import NumericOracle, differences
from grader.audit.slips.drawing import Drawer
from grader.audit.slips.run import read
from grader.audit.slips.table import is_sound, summary, survivors
from grader.audit.slips.trial import CAUGHT, ELSEWHERE, FAILS, SAME, SURVIVED, SlipTrial

WANTED = ("NoiseDiffuser", "UNet", "train", "generate_samples")


def _drawn(seed: int) -> list[str]:
    slips = iter(Drawer(CORPUS, WANTED, ["base", "in_place"], seed))
    return [next(slips).id for _ in range(30)]


def test_the_same_seed_draws_the_same_slips() -> None:
    assert _drawn(3) == _drawn(3)
    assert _drawn(3) != _drawn(4)
    assert len(set(_drawn(3))) == 30


def test_only_what_a_solution_does_not_borrow_is_edited() -> None:
    slips = iter(Drawer(CORPUS, WANTED, ["in_place"], 0))
    assert {next(slips).part for _ in range(20)} == CORPUS.own_parts("in_place")


def _trial(id: str, state: str, *, named: bool = False) -> SlipTrial:
    return SlipTrial(
        id=id,
        solution="base",
        part="train",
        operator="call",
        diff="-a\n+b",
        state=state,
        differs={},
        named=named,
    )


def test_shares_are_of_edits_that_run_and_change_something() -> None:
    trials = [
        *(_trial(str(n), CAUGHT, named=n > 0) for n in range(4)),
        _trial("a", FAILS),
        _trial("b", SAME),
        _trial("c", SURVIVED),
        _trial("d", ELSEWHERE),
    ]
    assert summary(trials) == [
        "Edits: 8; 1 do not run, 1 change nothing",
        "Slips caught in their own part: 4 of 6 (66.7%); in another: 1",
        "Named, of those caught: 3 of 4 (75.0%)",
    ]
    assert [trial.id for trial in survivors(trials)] == ["c", "d"]
    assert not is_sound(trials)
    assert is_sound(trials[:4])


def _with(part: str, old: str, new: str) -> list[str]:
    sources = [(cell.part, cell.source) for cell in CORPUS.base]
    assert sum(old in source for name, source in sources if name == part) == 1
    return [source.replace(old, new) if name == part else source for name, source in sources]


@pytest.mark.slow
def test_facts_show_what_an_edit_changes() -> None:
    edits = {
        "diffuser: x_t and noise": _with("diffuser", "(1 - kept).sqrt()", "1 - kept"),
        "unet: skips": _with("unet", "torch.cat([y, half], dim=1)", "torch.cat([y, y], dim=1)"),
        "unet: use of t": _with("unet", "t = t.float()", "t = 0 * t.float()"),
        "unet: range": _with("unet", "return self.leave(y)", "return torch.relu(self.leave(y))"),
        "unet: each image alone": _with("unet", "t = t.float()", "t = t.float() / t.float().max()"),
        "train: calls of the network": _with("train", "        model.eval()\n", ""),
        "train: weights and losses": _with("train", "            optimizer.zero_grad()\n", ""),
        "sampler: samples": _with("sampler", "sigma * z", "beta * z"),
    }
    with NumericOracle(CORPUS.folder.parent, script="facts.py") as oracle:
        before = oracle.ask([cell.source for cell in CORPUS.base])
        assert not before.errors
        for fact, cells in edits.items():
            after = oracle.ask(cells)
            assert not after.errors, fact
            assert fact in differences(before, after), fact
        wider = oracle.ask(
            _with(
                "unet",
                "self.merge1 = self.two_convs(32, 16)",
                "self.merge1 = nn.Conv2d(32, 16, 5, padding=2)",
            )
        )
        assert not differences(before, wider)


LEFT_OPEN = {
    "noise drawn twice": ("diffuser", "        noise = torch.randn_like(image)\n", 2),
    "steps drawn twice": (
        "train",
        "            steps = torch.randint(0, totalTrainingTimesteps, (len(images),)).tolist()\n",
        2,
    ),
    "the network asked twice": ("sampler", "            eps = model(x_t, t)\n", 2),
}
OPEN_EDITS = {
    "sums in place of averages": (
        "train",
        "val_losses.append(running / len(val_loader))",
        "val_losses.append(running)",
    ),
    "z subtracted": ("sampler", "mean + sigma * z", "mean - sigma * z"),
    "z in the last step": ("sampler", "if step > 0 else torch.zeros_like(x_t)", ""),
    "another learning rate": (
        "train",
        "            optimizer.step()\n",
        "            optimizer.param_groups[0]['lr'] = 0.02\n            optimizer.step()\n",
    ),
}
MISTAKES = {
    "one z for all steps": (
        "sampler",
        "torch.randn_like(x_t) if step",
        "torch.randn(x_t.shape, generator=torch.Generator().manual_seed(1)) if step",
    ),
    "noise from one seed": (
        "diffuser",
        "torch.randn_like(image)",
        "torch.randn(image.shape, generator=torch.Generator().manual_seed(1))",
    ),
    "z twice as strong": ("sampler", "mean + sigma * z", "mean + 2 * sigma * z"),
    "the last loss twice": ("train", "train_losses.append(running /", "train_losses.append(loss.item() /"),
}


@pytest.mark.slow
def test_facts_leave_out_what_the_handout_leaves_open() -> None:
    edits = {name: (part, line, times * line) for name, (part, line, times) in LEFT_OPEN.items()}
    with NumericOracle(CORPUS.folder.parent, script="facts.py") as oracle:
        before = oracle.ask([cell.source for cell in CORPUS.base])
        for name, edit in (edits | OPEN_EDITS).items():
            after = oracle.ask(_with(*edit))
            assert not after.errors, name
            assert not differences(before, after), name
        for name, edit in MISTAKES.items():
            assert differences(before, oracle.ask(_with(*edit))), name


@pytest.mark.slow
def test_a_run_is_resumed(grade: Command) -> None:
    ran = grade("audit", "--quick", "--slips", "2", "--seed", "5", "--jobs", "2")
    assert ran.code in (0, 1), ran.out + ran.err
    assert "Slips caught in their own part:" in ran.out
    results = ran.reports / "slips.jsonl"
    kept = results.read_text().splitlines()
    assert sum(trial.state not in (FAILS, SAME) for trial in read(results).values()) >= 2
    grade("audit", "--quick", "--slips", "1", "--seed", "5", "--jobs", "1")
    lines = results.read_text().splitlines()
    assert lines[: len(kept)] == kept
    assert len(read(results)) == len(lines)  # none was tried twice
