"""Sampling in place, gradients cut by detach, the history of pictures kept on the side."""

# base: paper

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    history = []
    x_t = x_t.detach().clone().to(device)
    for i in range(total_timesteps)[::-1]:
        eps = model(x_t, torch.zeros(num_samples, 1, device=device) + i).detach()
        x_t -= diffuser.betas[i] / (1 - diffuser.alpha_bar[i]).sqrt() * eps
        x_t /= diffuser.alphas[i].sqrt()
        if i != 0:
            x_t += diffuser.betas[i].sqrt() * torch.randn_like(x_t)
        if i % 20 == 0:
            history.append(x_t.cpu().clone())
    return x_t
