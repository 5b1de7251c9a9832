"""Images clamped to [0, 1] once the walk is over; steps counted from T to 1 as in the paper."""

# base: paper

# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x_t = x_t.to(device)
    for step in range(total_timesteps, 0, -1):
        i = step - 1  # the paper counts from 1, tensors from 0
        z = torch.randn_like(x_t) if step > 1 else 0
        eps = model(x_t, torch.full((len(x_t), 1), i).float().to(device))
        x_t = (x_t - (1 - diffuser.alphas[i]) / (1 - diffuser.alpha_bar[i]).sqrt() * eps) / diffuser.alphas[i].sqrt()
        x_t = x_t + diffuser.betas[i].sqrt() * z
    return torch.clamp(x_t, 0.0, 1.0)
