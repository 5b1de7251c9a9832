"""Helper functions, lambdas, partials and constants in cells of their own, before and after their use."""

# base: paper

# %% setup
import torch, torchvision
from torch import nn, optim
from torch.nn import functional as F
from functools import partial
try:
    from tqdm.notebook import tqdm
except ImportError:
    tqdm = lambda iterable, **kwargs: iterable

if torch.cuda.is_available():
    device = torch.device("cuda")
else:
    device = torch.device("cpu")

# %% constants
WIDTHS = [16, 32, 64]
HP = dict(T=100, lr=1e-3, kernel=3)
HP["half_T"] = HP["T"] / 2

# %% helpers
conv = partial(nn.Conv2d, kernel_size=HP["kernel"], padding=1)
pool = partial(F.max_pool2d, kernel_size=2)
as_map = lambda v: v[:, :, None, None]

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        assert start_beta < end_beta < 1.0
        self.device, self.start_beta, self.end_beta, self.total_steps = device, start_beta, end_beta, total_steps
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, 0)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

    def noise_diffusion(self, image, t):
        image, t = image.to(self.device), as_steps(t, self.device)
        noise = torch.randn_like(image)
        signal, spread = rates(self.alpha_bar, t)
        return signal * image + spread * noise, noise

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        a, b, c = WIDTHS
        self.e1, self.e2, self.e3 = twice(in_channels, a), twice(a, b), twice(b, c)
        self.u2, self.u1 = nn.ConvTranspose2d(c, b, 2, 2), nn.ConvTranspose2d(b, a, 2, 2)
        self.d2, self.d1 = twice(2 * b, b), twice(2 * a, a)
        self.time = nn.Sequential(nn.Linear(1, c), nn.ReLU(), nn.Linear(c, c))
        self.out = nn.Conv2d(a, out_channels, 1)

    def forward(self, x, t=None):
        s1 = self.e1(x)
        s2 = self.e2(pool(s1))
        y = self.e3(pool(s2)) + as_map(self.time(t.float().view(-1, 1) / HP["half_T"] - 1))
        y = self.d2(join(self.u2(y), s2))
        return self.out(self.d1(join(self.u1(y), s1)))

# %% helpers
def join(*maps):
    return torch.cat(maps, dim=1)

def twice(i, o):
    return nn.Sequential(conv(i, o), nn.ReLU(), conv(o, o), nn.ReLU())

def as_steps(t, where):
    return torch.as_tensor(t, dtype=torch.long, device=where)

def rates(alpha_bar, t):
    ab = alpha_bar[t].view(-1, 1, 1, 1)
    return ab.sqrt(), (1 - ab).sqrt()

# %% sampler
def step_back(x, eps, i, d):
    mean = (x - (1 - d.alphas[i]) / torch.sqrt(1 - d.alpha_bar[i]) * eps) / torch.sqrt(d.alphas[i])
    return mean if i == 0 else mean + torch.sqrt(d.betas[i]) * torch.randn_like(x)

@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    for i in tqdm(range(total_timesteps - 1, -1, -1)):
        x_t = step_back(x_t, model(x_t, torch.full((len(x_t), 1), float(i), device=device)), i, diffuser)
    return x_t
