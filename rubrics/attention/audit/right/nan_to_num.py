"""Minus infinity, with NaN replaced afterwards."""
# base: the other parts

# %% attention
def scaled_dot_product_attention(q, k, v, mask=None):
    d = q.shape[-1]
    scores = torch.matmul(q, torch.swapaxes(k, -1, -2)).div(d**0.5)
    if mask is not None:
        scores = scores.masked_fill(mask == False, -torch.inf)
    weights = torch.nan_to_num(F.softmax(scores, -1))
    return torch.matmul(weights, v)
