"""Everything is an einsum."""
# base: the other parts

# %% attention
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), torch.finfo(scores.dtype).min)
    return torch.einsum("...ij,...je->...ie", scores.softmax(dim=-1), v)


# %% heads
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        d_head = d_model // num_heads
        self.wq = nn.Parameter(torch.randn(num_heads, d_model, d_head) / d_model**0.5)
        self.wk = nn.Parameter(torch.randn(num_heads, d_model, d_head) / d_model**0.5)
        self.wv = nn.Parameter(torch.randn(num_heads, d_model, d_head) / d_model**0.5)
        self.wo = nn.Parameter(torch.randn(num_heads, d_head, d_model) / d_model**0.5)

    def forward(self, x, mask=None):
        q, k, v = (torch.einsum("bnd,hde->bhne", x, w) for w in (self.wq, self.wk, self.wv))
        heard = scaled_dot_product_attention(q, k, v, mask)
        return torch.einsum("bhne,hed->bnd", heard, self.wo)
