"""The encoding is a NumPy array."""
# base: the other parts

# %% position
import numpy as np


def positional_encoding(length, d_model):
    column = np.arange(d_model)
    angle = np.arange(length)[:, None] / np.power(10000, 2 * (column // 2) / d_model)
    encoding = np.where(column % 2 == 0, np.sin(angle), np.cos(angle))
    return torch.from_numpy(encoding).float()
