"""The conventions of the handout's own code: root taken twice, scaled noise returned, noise in the last step, .cuda()."""

# base: paper
# reading: handout_code

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device='cpu'):
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta, self.end_beta, self.total_steps = start_beta, end_beta, total_steps
        self.betas = self.linear_scheduler().to(self.device)
        self.alphas = 1 - self.betas
        self.alpha_bar = self.alphas.cumprod(0)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        t = torch.clamp(torch.LongTensor(t).to(self.device), 0, self.total_steps - 1)
        root = self.alpha_bar[t].sqrt().view(-1, 1, 1, 1)
        noise = torch.randn(image.size(), device=self.device) * (1 - root).sqrt()
        return root.sqrt() * image + noise, noise


# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    train_losses, val_losses = [], []
    for epoch in range(num_epochs):
        model.train()
        summed = 0
        bar = tqdm(enumerate(train_loader), total=len(train_loader), leave=False)
        for batch_idx, (data, _) in bar:
            data = data.to(device)
            optimizer.zero_grad()
            timesteps = torch.randint(0, totalTrainingTimesteps, (len(data),), device=device).long().tolist()
            noisy, true = diffuser.noise_diffusion(data, timesteps)
            predicted = model.forward(x=noisy, t=torch.tensor(timesteps).to(torch.float32).cuda().view(-1, 1))
            loss = criterion(predicted, true)
            loss.backward()
            optimizer.step()
            summed += loss.item()
            bar.set_postfix({'loss': f'{loss.item():.4f}'})
        train_losses.append(summed / len(train_loader))
        model.eval()
        summed = 0
        with torch.no_grad():
            for data, _ in val_loader:
                timesteps = torch.randint(0, totalTrainingTimesteps, (len(data),), device=device).long().tolist()
                noisy, true = diffuser.noise_diffusion(data.to(device), timesteps)
                predicted = model.forward(x=noisy, t=torch.tensor(timesteps).to(torch.float32).cuda().view(-1, 1))
                summed += criterion(predicted, true).item()
        val_losses.append(summed / len(val_loader))
    return train_losses, val_losses


# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    outside = 1 / torch.sqrt(diffuser.alphas)
    inside = diffuser.betas / torch.sqrt(1 - diffuser.alpha_bar)
    for timestep in range(total_timesteps - 1, -1, -1):
        z = torch.randn_like(x_t)
        eps = model.forward(x=x_t, t=torch.tensor(timestep).to(torch.float32).cuda().view(-1, 1))
        x_t = outside[timestep] * (x_t - inside[timestep] * eps) + torch.sqrt(diffuser.betas[timestep]) * z
    return x_t.detach()
