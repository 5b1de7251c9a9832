"""The encoding is computed number by number, and has a dimension for the batch."""
# base: the other parts

# %% position
def positional_encoding(length, d_model):
    pe = torch.zeros(1, length, d_model)
    for p in range(length):
        for i in range(0, d_model, 2):
            w = 1 / (10000 ** (i / d_model))
            pe[0, p, i] = math.sin(p * w)
            pe[0, p, i + 1] = math.cos(p * w)
    return pe


# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.pe = positional_encoding(max_length, d_model)
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(TransformerBlock(d_model, num_heads, d_model * 4))
        self.out = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        L = tokens.shape[-1]
        mask = torch.arange(L)[:, None] >= torch.arange(L)[None, :]
        x = self.embedding(tokens) + self.pe[:, :L].to(tokens.device)
        for layer in self.layers:
            x = layer(x, mask=mask)
        return self.out(x)
