"""The plain right solution; each file in right/ differs from it in one respect."""

# %% setup
import math

import matplotlib.pyplot as plt
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


# %% attention
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    scores = scores / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    return weights @ v


# %% heads
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.d_head = d_model // num_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)

    def split(self, x):
        batch, length, _ = x.shape
        return x.view(batch, length, self.num_heads, self.d_head).transpose(1, 2)

    def forward(self, x, mask=None):
        batch, length, d_model = x.shape
        q = self.split(self.query(x))
        k = self.split(self.key(x))
        v = self.split(self.value(x))
        heard = scaled_dot_product_attention(q, k, v, mask)
        joined = heard.transpose(1, 2).reshape(batch, length, d_model)
        return self.output(joined)


# %% position
def positional_encoding(length, d_model):
    position = torch.arange(length).float().unsqueeze(1)
    exponent = torch.arange(0, d_model, 2).float() / d_model
    angle = position / 10000.0**exponent
    encoding = torch.zeros(length, d_model)
    encoding[:, 0::2] = torch.sin(angle)
    encoding[:, 1::2] = torch.cos(angle)
    return encoding


# %% block
class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))

    def forward(self, x, mask=None):
        heard = self.attention(self.norm1(x), mask)
        x = x + heard
        thought = self.feed_forward(self.norm2(x))
        x = x + thought
        return x


# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.register_buffer("positions", positional_encoding(max_length, d_model))
        self.blocks = nn.ModuleList(
            [TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers)]
        )
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        length = tokens.shape[1]
        mask = torch.tril(torch.ones(length, length, dtype=torch.bool, device=tokens.device))
        x = self.embedding(tokens)
        x = x + self.positions[:length]
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


# %% train
def train(model, batches, optimizer, criterion, num_epochs):
    losses = []
    for epoch in range(num_epochs):
        model.train()
        total = 0.0
        for window in batches:
            inputs = window[:, :-1]
            targets = window[:, 1:]
            logits = model(inputs)
            loss = criterion(logits.reshape(-1, logits.size(-1)), targets.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(batches))
    return losses


# %% generate
def generate(model, prompt, num_tokens, temperature=1.0):
    model.eval()
    tokens = prompt.unsqueeze(0)
    with torch.no_grad():
        for _ in range(num_tokens):
            context = tokens[:, -model.max_length :]
            logits = model(context)[:, -1]
            if temperature == 0:
                chosen = logits.argmax(dim=-1, keepdim=True)
            else:
                probabilities = torch.softmax(logits / temperature, dim=-1)
                chosen = torch.multinomial(probabilities, 1)
            tokens = torch.cat([tokens, chosen], dim=1)
    return tokens[0]
