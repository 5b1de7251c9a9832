"""Fresh noise drawn by numpy, in the last step too; the images handed back on the CPU."""

# base: paper

# %% imports
import numpy as np

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    rng = np.random.default_rng()
    x_t = x_t.to(device)
    model.eval()
    with torch.no_grad():
        for i in np.arange(total_timesteps)[::-1]:
            i = int(i)
            z = torch.tensor(rng.normal(size=tuple(x_t.shape)), dtype=torch.float32, device=device)
            t = torch.tensor([i] * len(x_t), device=device).float().view(-1, 1)
            eps = model(x_t, t)
            x_t = 1 / torch.sqrt(diffuser.alphas[i]) * (x_t - diffuser.betas[i] / torch.sqrt(1 - diffuser.alpha_bar[i]) * eps)
            x_t = x_t + torch.sqrt(diffuser.betas[i]) * z
    return x_t.cpu()
