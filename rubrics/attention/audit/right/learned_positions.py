"""The model learns its positions."""
# base: the other parts

# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.tok = nn.Embedding(vocab_size, d_model)
        self.pos = nn.Embedding(max_length, d_model)
        self.blocks = nn.Sequential()
        for number in range(num_layers):
            self.blocks.add_module(str(number), TransformerBlock(d_model, num_heads, 4 * d_model))
        self.head = nn.Linear(d_model, vocab_size, bias=False)

    def forward(self, idx):
        B, T = idx.shape
        x = self.tok(idx) + self.pos(torch.arange(T, device=idx.device))
        mask = torch.ones(T, T, device=idx.device).tril().bool()
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x)
