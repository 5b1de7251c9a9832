"""The last layer is the embedding, and the embedding is scaled."""
# base: the other parts

# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length, self.d_model = max_length, d_model
        self.embed = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embed.weight, std=d_model**-0.5)
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)

    def forward(self, tokens):
        length = tokens.shape[1]
        x = self.embed(tokens) * self.d_model**0.5 + positional_encoding(length, self.d_model)
        mask = ~torch.triu(torch.ones(length, length), diagonal=1).bool()
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) @ self.embed.weight.t()
