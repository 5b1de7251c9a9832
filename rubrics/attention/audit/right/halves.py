"""All sines, then all cosines, by exponentials of logarithms."""
# base: the other parts

# %% position
def positional_encoding(length, d_model):
    half = d_model // 2
    rates = torch.exp(-math.log(10000.0) * torch.arange(half) / half)
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
