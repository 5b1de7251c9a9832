"""Time made once per step and expanded to the batch, model.forward called by keywords, a while loop."""

# base: paper

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    samples = x_t.clone().to(device)
    batch = samples.shape[0]
    step = total_timesteps - 1
    while step >= 0:
        t = torch.tensor([[step]], dtype=torch.float32, device=device).expand(batch, 1)
        with torch.no_grad():
            eps = model.forward(x=samples, t=t)
        a, b, ab = diffuser.alphas[step], diffuser.betas[step], diffuser.alpha_bar[step]
        samples = a ** -0.5 * (samples - (1 - a) * (1 - ab) ** -0.5 * eps)
        if step > 0:
            noise = torch.randn(samples.shape).to(device)
            samples = samples + b ** 0.5 * noise
        step -= 1
    return samples
