"""Masks are numbers that are added to the scores: 0 and minus infinity."""
# base: the other parts

# %% attention
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = torch.matmul(q, k.transpose(-2, -1)) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores + mask.clamp(min=-1e9)
    return torch.matmul(F.softmax(scores, dim=-1), v)


# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.register_buffer("positions", positional_encoding(max_length, d_model))
        mask = torch.full((max_length, max_length), float("-inf")).triu(diagonal=1)
        self.register_buffer("mask", mask)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers))
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        n = tokens.size(1)
        x = self.embedding(tokens) + self.positions[:n]
        for block in self.blocks:
            x = block(x, self.mask[:n, :n])
        return self.head(x)
