"""Every batch goes through the network in parts, whose weighted gradients add up before the step."""
# base: paper

# %% train
import numpy as np


class Meter:
    def __init__(self):
        self.s, self.n = 0.0, 0

    def __iadd__(self, other):
        self.s += other[0] * other[1]
        self.n += other[1]
        return self

    def __float__(self):
        return self.s / max(self.n, 1)


def train(
    model,
    train_loader,
    val_loader,
    optimizer,
    criterion,
    device,
    num_epochs,
    diffuser,
    totalTrainingTimesteps,
):
    curves = [], []
    for epoch in range(1, num_epochs + 1):
        meters = Meter(), Meter()
        model.train()
        for images, _ in train_loader:
            optimizer.zero_grad(set_to_none=True)
            t_all = np.random.randint(0, totalTrainingTimesteps, len(images))
            for part, t in zip(images.split(8), np.array_split(t_all, range(8, len(images), 8))):
                noisy, eps = diffuser.noise_diffusion(part.to(device), list(map(int, t)))
                pred = model(noisy, torch.as_tensor(t, dtype=torch.float32, device=device)[:, None])
                loss = criterion(pred, eps)
                (loss * len(part) / len(images)).backward()
                meters[0].__iadd__((loss.item(), len(part)))
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for images, _ in val_loader:
                t = np.random.randint(0, totalTrainingTimesteps, len(images))
                noisy, eps = diffuser.noise_diffusion(images.to(device), list(map(int, t)))
                pred = model(noisy, torch.as_tensor(t, dtype=torch.float32, device=device)[:, None])
                meters[1].__iadd__((criterion(pred, eps).item(), len(images)))
        for curve, meter in zip(curves, meters):
            curve.append(float(meter))
    return curves
