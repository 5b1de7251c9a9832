"""Sampling through the predicted x_0 and the posterior's mean, nothing clipped."""

# base: paper

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    """Predict x_0 first, then draw x_{t-1} from the posterior."""
    x = x_t.to(device)
    for t in range(total_timesteps - 1, -1, -1):
        with torch.no_grad():
            eps = model(x, torch.full((x.size(0), 1), float(t), device=device))
        ab = diffuser.alpha_bar[t]
        ab_prev = diffuser.alpha_bar[t - 1] if t > 0 else torch.ones_like(ab)
        beta, alpha = diffuser.betas[t], diffuser.alphas[t]
        x0 = (x - torch.sqrt(1 - ab) * eps) / torch.sqrt(ab)
        mean = (torch.sqrt(ab_prev) * beta * x0 + torch.sqrt(alpha) * (1 - ab_prev) * x) / (1 - ab)
        x = mean
        if t > 0:
            x = x + torch.sqrt(beta) * torch.randn_like(x)
    return x
