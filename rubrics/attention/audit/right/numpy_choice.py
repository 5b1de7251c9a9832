"""Characters are drawn by NumPy, and a list is returned."""
# base: the other parts

# %% generate
import numpy as np


def generate(model, prompt, num_tokens, temperature=1.0):
    model.eval()
    text = prompt.tolist()
    with torch.no_grad():
        for _ in range(num_tokens):
            logits = model(torch.tensor(text[-model.max_length :]).view(1, -1))
            z = logits[0, -1].double()
            if not temperature:
                text.append(int(z.argmax()))
                continue
            p = torch.softmax(z / temperature, dim=0).numpy()
            text.append(int(np.random.choice(len(p), p=p)))
    return text
