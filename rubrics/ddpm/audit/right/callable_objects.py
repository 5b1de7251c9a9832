"""Train and generate_samples are callable objects; the classes are defined inside blocks."""

# base: paper

# %% diffuser
import contextlib

try:
    from torch import linspace
except ImportError as error:
    raise SystemExit("This notebook needs PyTorch.") from error

for _ in range(1):

    class NoiseDiffuser:
        def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
            assert start_beta < end_beta < 1.0
            self.device = device
            self.start_beta = start_beta
            self.end_beta = end_beta
            self.total_steps = total_steps
            self.betas = self.linear_scheduler().to(device)
            self.alphas = 1 - self.betas
            self.alpha_bar = torch.cumprod(self.alphas, dim=0)

        def linear_scheduler(self):
            return linspace(self.start_beta, self.end_beta, self.total_steps)

        def noise_diffusion(self, image, t):
            image = image.to(self.device)
            t = torch.as_tensor(t, dtype=torch.long, device=self.device)
            kept = self.alpha_bar[t].view(-1, 1, 1, 1)
            signal = kept.sqrt()
            spread = (1 - kept).sqrt()
            noise = torch.randn_like(image)
            diffused = signal * image + spread * noise
            return diffused, noise


# %% unet
with contextlib.suppress(KeyError):

    class UNet(nn.Module):
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


# %% train
class Trainer:
    def __call__(
        self,
        model,
        train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
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


train = Trainer()


# %% sampler
class Sampler:
    def __call__(self, x_t, model, num_samples, total_timesteps, diffuser, device):
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
                z = torch.randn_like(x_t) if step > 0 else torch.zeros_like(x_t)
                x_t = mean + sigma * z
        return x_t


generate_samples = Sampler()
