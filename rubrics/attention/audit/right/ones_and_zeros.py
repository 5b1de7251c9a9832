"""Masks are ones and zeros."""
# base: the other parts

# %% attention
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(k.shape[-1])
    if mask is not None:
        scores = torch.where(mask == 0, torch.tensor(-1e30), scores)
    return scores.softmax(-1) @ v


# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, 2 * d_model) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        batch, length = tokens.shape
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        x = x + positional_encoding(length, x.shape[-1]).to(x)
        mask = torch.tril(torch.ones(1, 1, length, length))
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))
