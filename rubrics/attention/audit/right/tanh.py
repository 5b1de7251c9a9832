"""tanh between the layers of the feed-forward network, dropout as a required argument, masks with a batch dimension."""
# base: the other parts

# %% heads
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads, dropout):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        if mask is not None:
            assert mask.dim() == 3
            mask = mask.unsqueeze(1)
        y = scaled_dot_product_attention(q, k, v, mask)
        return self.drop(self.out(y.transpose(1, 2).flatten(2)))


# %% block
class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.Tanh(), nn.Linear(d_ff, d_model))

    def forward(self, x, mask=None):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.feed_forward(x))


# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.register_buffer("positions", positional_encoding(max_length, d_model))
        self.blocks = nn.ModuleList(
            [TransformerBlock(d_model, num_heads, 4 * d_model, dropout=0.1) for _ in range(num_layers)]
        )
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        length = tokens.shape[1]
        mask = torch.tril(torch.ones(1, length, length, dtype=torch.bool))
        x = self.embedding(tokens) + self.positions[:length]
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x)
