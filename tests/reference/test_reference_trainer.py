"""Training: the network's inputs, the loss target, the modes, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from reference.diffuser import NoiseDiffuser
from reference.digits import load_digits28
from reference.evaluation import held_out_error
from reference.trainer import train
from reference.unet import UNet

STEPS = 10


class Scale(nn.Module):
    """Predicts ``weight * x_t``; records each call's mode and timesteps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.calls: list[tuple[bool, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.calls.append((self.training, t))
        return self.weight * x


class RecordingLoss:
    """Mean squared error that records its arguments and results."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.values: list[float] = []
        self.traced: list[bool] = []

    def __call__(self, predicted: Tensor, true: Tensor) -> Tensor:
        loss = nn.functional.mse_loss(predicted, true)
        self.pairs.append((predicted.detach(), true))
        self.values.append(loss.item())
        self.traced.append(loss.requires_grad)
        return loss


class RecordingDiffuser(NoiseDiffuser):
    """Records the timesteps it is given and the noise it returns."""

    def __init__(self) -> None:
        super().__init__(0.01, 0.3, STEPS)
        self.given: list[tuple[list[int], Tensor]] = []

    def noise_diffusion(self, image, t, noise=None):
        x_t, noise = super().noise_diffusion(image, t, noise)
        self.given.append((t, noise))
        return x_t, noise


@pytest.fixture
def batches() -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    return [(torch.rand(size, 1, 4, 4), torch.zeros(size)) for size in (32, 32, 7)]


@pytest.fixture
def trained(batches):
    """Two epochs on three batches, validated on the last two."""
    model, diffuser, loss = Scale(), RecordingDiffuser(), RecordingLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = train(model, batches, batches[1:], optimizer, loss, "cpu", 2, diffuser, STEPS)
    return model, diffuser, loss, losses


def test_train_returns_the_mean_loss_of_each_epoch_in_training_and_validation(trained):
    _, _, loss, (train_losses, val_losses) = trained
    first, second = loss.values[:5], loss.values[5:]
    assert train_losses == pytest.approx([sum(first[:3]) / 3, sum(second[:3]) / 3])
    assert val_losses == pytest.approx([sum(first[3:]) / 2, sum(second[3:]) / 2])


def test_the_loss_compares_the_prediction_with_the_noise_that_was_returned(trained):
    _, diffuser, loss, _ = trained
    assert len(diffuser.given) == len(loss.pairs) == 10
    assert all(
        torch.equal(true, noise) for (_, true), (_, noise) in zip(loss.pairs, diffuser.given, strict=True)
    )
    assert torch.count_nonzero(loss.pairs[0][0]) == 0  # the weight starts at zero, so the prediction does too


def test_the_network_gets_the_diffusers_timesteps_as_a_float_column(trained):
    model, diffuser, _, _ = trained
    for (_, passed), (used, _) in zip(model.calls, diffuser.given, strict=True):
        assert passed.dtype == torch.float32
        assert passed.tolist() == [[float(step)] for step in used]


def test_timesteps_are_sampled_for_every_image_over_the_whole_schedule(trained):
    _, diffuser, _, _ = trained
    sampled = [step for steps, _ in diffuser.given for step in steps]
    assert set(sampled) == set(range(STEPS))  # of 220 samples, one of ten is missing once in a billion
    assert diffuser.given[0][0] != diffuser.given[1][0]
    assert all(isinstance(step, int) for step in sampled)  # the handout's diffuser takes a list of ints


def test_training_uses_train_mode_and_validation_uses_eval_mode_without_gradients(trained):
    model, _, loss, _ = trained
    assert loss.traced == ([True] * 3 + [False] * 2) * 2
    assert [training for training, _ in model.calls] == ([True] * 3 + [False] * 2) * 2


def test_gradients_do_not_accumulate_and_validation_changes_nothing(batches):
    """SGD steps computed by hand from the recorded pairs lead to the weight that training reached."""
    model, loss = Scale(), RecordingLoss()
    seen: list[Tensor] = []
    model.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train(model, batches, batches, optimizer, loss, "cpu", 1, NoiseDiffuser(0.01, 0.3, STEPS), STEPS)
    weight = 0.0
    for x_t, (_, noise) in zip(seen[:3], loss.pairs[:3], strict=True):
        weight -= 0.1 * (2.0 * (weight * x_t - noise) * x_t).mean().item()
    assert abs(weight) > 0.01
    assert model.weight.item() == pytest.approx(weight, rel=1e-4)


def test_a_loader_without_batches_raises(batches):
    model = Scale()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for loaders in (([], batches), (batches, [])):
        with pytest.raises(ValueError, match="at least one batch"):
            train(model, *loaders, optimizer, nn.MSELoss(), "cpu", 1, NoiseDiffuser(0.01, 0.3, STEPS), STEPS)


@pytest.mark.slow
def test_two_epochs_on_the_digits_lower_the_held_out_error():
    """An untrained network has an error of about 1; after 46 steps half of the noise is predicted."""
    torch.manual_seed(0)
    diffuser, model = NoiseDiffuser(1e-4, 0.1, 100), UNet(1, 1)
    held_out, _ = load_digits28("held-out")
    before = held_out_error(model, diffuser, held_out, torch.Generator().manual_seed(1))
    loader = DataLoader(TensorDataset(*load_digits28("train")), batch_size=64, shuffle=True)
    few = [(held_out[:8], torch.zeros(8))]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    (first, second), _ = train(model, loader, few, optimizer, nn.MSELoss(), "cpu", 2, diffuser, 100)
    after = held_out_error(model, diffuser, held_out, torch.Generator().manual_seed(1))
    assert second < first
    assert before > 0.9
    assert after < 0.6
