"""The feed-forward network is two convolutions of width 1."""
# base: the other parts

# %% block
class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.up, self.down = nn.Conv1d(d_model, d_ff, 1), nn.Conv1d(d_ff, d_model, 1)

    def forward(self, x):
        return self.down(torch.relu(self.up(x.transpose(1, 2)))).transpose(1, 2)


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attention, self.feed_forward = MultiHeadAttention(d_model, num_heads), FeedForward(d_model, d_ff)

    def forward(self, x, mask=None):
        x = self.attention(self.norm1(x), mask) + x
        return self.feed_forward(self.norm2(x)) + x
