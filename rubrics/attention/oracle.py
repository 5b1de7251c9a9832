"""The right solution, which stays in the judge: attention, its layers, and a small character model.

Source: Vaswani et al. 2017, "Attention Is All You Need", equations (1) and (2), sections 3.2 to 3.5.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return softmax(q kᵀ / √d) v.

    Args:
        q, k, v: float (..., L, d), (..., S, d) and (..., S, e).
        mask: bool, broadcastable to (..., L, S), True where a query may attend. A query that may attend to
            nothing gets zeros.

    Returns:
        float (..., L, e).
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, dim=-1).nan_to_num(0.0) @ v


def positional_encoding(length: int, width: int) -> Tensor:
    """Return sines and cosines of the position, float (length, width), interleaved; width is even."""
    position = torch.arange(length).double()[:, None]
    angle = position / 10000 ** (torch.arange(0, width, 2).double() / width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()


class MultiHeadAttention(nn.Module):
    """Self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return float (B, L, d) for x of the same shape, and a mask as for ``attention``."""
        batch, length, width = x.shape
        split = self.inputs(x).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        heard = attention(q, k, v, mask)
        mixed: Tensor = self.output(heard.transpose(1, 2).reshape(batch, length, width))
        return mixed


class Block(nn.Module):
    """Attention and a feed-forward network, each with a residual connection and a norm before it."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, heads)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.forward_network = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return float (B, L, d) for x of the same shape, and a mask as for ``attention``."""
        x = x + self.attention(self.norm1(x), mask)
        y: Tensor = x + self.forward_network(self.norm2(x))
        return y


class CharacterModel(nn.Module):
    """A causal model of the next character."""

    def __init__(self, vocab: int, width: int, heads: int, layers: int, max_length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.positions: Tensor
        self.register_buffer("positions", positional_encoding(max_length, width))
        self.blocks = nn.ModuleList(Block(width, heads, 4 * width) for _ in range(layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, vocab)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits, float (B, L, V), for tokens, int64 (B, L)."""
        length = tokens.shape[1]
        mask = torch.ones(length, length, dtype=torch.bool).tril()
        x = self.embedding(tokens) + self.positions[:length]
        for block in self.blocks:
            x = block(x, mask)
        logits: Tensor = self.output(self.norm(x))
        return logits
