"""Layers that only a registry leads to, and skip connections that hooks keep and join."""

# base: paper

# %% unet
from functools import partial

REGISTRY = {}

def register(name=None, **extra):
    def deco(obj):
        REGISTRY[name or obj.__name__] = partial(obj, **extra) if extra else obj
        return obj
    return deco

# %% unet
@register('enc')
@register('dec')
class Conv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.w = nn.ParameterDict({
            'k1': nn.Parameter(nn.init.kaiming_normal_(torch.empty(o, i, 3, 3))),
            'k2': nn.Parameter(nn.init.kaiming_normal_(torch.empty(o, o, 3, 3))),
            'b1': nn.Parameter(torch.zeros(o)), 'b2': nn.Parameter(torch.zeros(o))})
    def forward(self, x):
        for n in '12':
            x = F.relu(F.conv2d(x, self.w['k' + n], self.w['b' + n], padding=1))
        return x

class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        enc, dec = REGISTRY['enc'], REGISTRY['dec']
        self.layers = nn.ModuleDict({
            'enc28': enc(in_channels, 16), 'enc14': enc(16, 32), 'enc7': enc(32, 48),
            'dec14': dec(48 + 32, 32), 'dec28': dec(32 + 16, 16),
            'out': nn.Conv2d(16, out_channels, 1)})
        self.temb = nn.ModuleDict({n: nn.Sequential(nn.Linear(1, 32), nn.SiLU(), nn.Linear(32, c))
                                   for n, c in [('enc28', 16), ('enc14', 32), ('enc7', 48)]})
        self.kept = {}
        for name in ('enc28', 'enc14'):
            self.layers[name].register_forward_hook(partial(self._keep, name))
        for name in ('dec14', 'dec28'):
            self.layers[name].register_forward_pre_hook(partial(self._join, name.replace('dec', 'enc')))
        self.register_buffer('scale', torch.tensor(0.02), persistent=False)
    def _keep(self, name, module, args, output):
        output = output + self.temb[name](self.kept['t'])[:, :, None, None]
        self.kept[name] = output
        return output
    def _join(self, name, module, args):
        x, = args
        return torch.cat([F.interpolate(x, scale_factor=2), self.kept.pop(name)], 1),
    def __call__(self, *args, **kwargs):
        self.kept.clear()
        try:
            return super().__call__(*args, **kwargs)
        finally:
            self.kept.clear()
    def forward(self, x, t=None):
        self.kept['t'] = t.float().reshape(-1, 1) * self.scale
        L = self.layers
        x = L['enc14'](F.max_pool2d(L['enc28'](x), 2))
        x = L['enc7'](F.max_pool2d(x, 2)) + self.temb['enc7'](self.kept['t'])[:, :, None, None]
        return L['out'](L['dec28'](L['dec14'](x)))
