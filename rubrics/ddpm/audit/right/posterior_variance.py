"""The posterior variance in place of beta, everything precomputed, no noise in the last step."""

# base: paper

# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    model.eval()
    before = F.pad(diffuser.alpha_bar[:-1], (1, 0), value=1.0)
    variance = diffuser.betas * (1 - before) / (1 - diffuser.alpha_bar)
    recip = diffuser.alphas.rsqrt()
    weight = diffuser.betas / (1 - diffuser.alpha_bar).sqrt()
    x = x_t.to(device)
    for i in tqdm(reversed(range(0, total_timesteps)), total=total_timesteps):
        t = torch.full((num_samples, 1), i, device=device, dtype=torch.float32)
        mean = recip[i] * (x - weight[i] * model(x, t))
        x = mean + variance[i].sqrt() * torch.randn_like(x)  # variance[0] is 0
    return x
