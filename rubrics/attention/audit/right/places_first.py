"""The layers take places first and examples second, as PyTorch's own do by default."""
# base: the other parts

# %% heads
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.h = num_heads
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(d_model, d_model) for _ in range(4))

    def heads(self, x):
        n, b, d = x.shape
        return x.view(n, b * self.h, d // self.h).transpose(0, 1)

    def forward(self, x, mask=None):
        n, b, d = x.shape
        y = scaled_dot_product_attention(self.heads(self.wq(x)), self.heads(self.wk(x)), self.heads(self.wv(x)), mask)
        return self.wo(y.transpose(0, 1).reshape(n, b, d))


# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.register_buffer("positions", positional_encoding(max_length, d_model))
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers)])
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        length = tokens.shape[1]
        x = (self.embedding(tokens) + self.positions[:length]).transpose(0, 1)
        mask = torch.tril(torch.ones(length, length, dtype=torch.bool))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x.transpose(0, 1))
