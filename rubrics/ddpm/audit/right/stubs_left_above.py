"""The handout's unfinished cells left above; other names assigned below them; noise sent for to a generator."""

# base: paper

# %% noise
def normal_numbers(seed):
    generator = np.random.default_rng(seed=seed)
    shape = yield
    while True:
        shape = yield torch.tensor(generator.standard_normal(tuple(shape)), dtype=torch.float32)


import numpy as np

stream = normal_numbers(3)
next(stream)


# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        # TODO

    def forward(self, x, t=None):
        pass


class SmallNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.enter = self.two_convs(in_channels, 16)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), self.two_convs(16, 32))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), self.two_convs(32, 64))
        self.time2 = self.time_mlp(64)
        self.up2 = nn.ConvTranspose2d(64, 32, kernel_size=2, stride=2)
        self.merge2 = self.two_convs(64, 32)
        self.time1 = self.time_mlp(32)
        self.up1 = nn.ConvTranspose2d(32, 16, kernel_size=2, stride=2)
        self.merge1 = self.two_convs(32, 16)
        self.leave = nn.Conv2d(16, out_channels, kernel_size=1)

    def two_convs(self, ins, outs):
        return nn.Sequential(
            nn.Conv2d(ins, outs, 3, padding=1), nn.ReLU(), nn.Conv2d(outs, outs, 3, padding=1), nn.ReLU()
        )

    def time_mlp(self, outs):
        return nn.Sequential(nn.Linear(1, outs), nn.ReLU(), nn.Linear(outs, outs))

    def forward(self, x, t=None):
        t = t.float().view(-1, 1)
        full = self.enter(x)  # 28 x 28
        half = self.down1(full)  # 14 x 14
        bottom = self.down2(half)  # 7 x 7
        y = self.up2(bottom + self.time2(t)[:, :, None, None])
        y = self.merge2(torch.cat([y, half], dim=1))
        y = self.up1(y + self.time1(t)[:, :, None, None])
        y = self.merge1(torch.cat([y, full], dim=1))
        return self.leave(y)


UNet = SmallNet


# %% train
def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    # TODO
    return None


class Trainer:
    @staticmethod
    def fit(
        model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
    ):
        train_losses, val_losses = [], []
        for epoch in range(num_epochs):
            model.train()
            running = 0.0
            for images, _ in tqdm(train_loader, desc=f"epoch {epoch + 1}, training", leave=False):
                images = images.to(device)
                steps = torch.randint(0, totalTrainingTimesteps, (len(images),)).tolist()
                noisy, noise = diffuser.noise_diffusion(images, steps)
                predicted = model(noisy, torch.tensor(steps, dtype=torch.float32, device=device).view(-1, 1))
                loss = criterion(predicted, noise)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                running += loss.item()
            train_losses.append(running / len(train_loader))

            model.eval()
            running = 0.0
            with torch.no_grad():
                for held_out, _ in tqdm(val_loader, desc=f"epoch {epoch + 1}, validation", leave=False):
                    held_out = held_out.to(device)
                    ts = torch.randint(0, totalTrainingTimesteps, (len(held_out),)).tolist()
                    noisy, target = diffuser.noise_diffusion(held_out, ts)
                    guess = model(noisy, torch.tensor(ts, dtype=torch.float32, device=device).view(-1, 1))
                    running += criterion(guess, target).item()
            val_losses.append(running / len(val_loader))
            print(f"epoch {epoch + 1}: train {train_losses[-1]:.4f}, validation {val_losses[-1]:.4f}")
        return train_losses, val_losses


train = Trainer.fit


# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    # TODO
    return x_t


def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x_t = x_t.to(device)
    with torch.no_grad():
        for step in range(total_timesteps - 1, -1, -1):
            alpha, beta, alpha_bar = diffuser.alphas[step], diffuser.betas[step], diffuser.alpha_bar[step]
            t = torch.full((len(x_t), 1), float(step), device=device)
            eps = model(x_t, t)
            shrink = 1 / torch.sqrt(alpha)
            share = (1 - alpha) / torch.sqrt(1 - alpha_bar)
            mean = shrink * (x_t - share * eps)
            sigma = torch.sqrt(beta)
            z = stream.send(x_t.shape).to(device) if step > 0 else torch.zeros_like(x_t)
            x_t = mean + sigma * z
    return x_t
