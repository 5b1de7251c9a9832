"""Parameters, helpers and loop variables in German, with umlauts and Greek letters; the order is the handout's."""

# base: paper

# %% train
from tqdm import tqdm as Fortschritt

def eine_runde(modell, lader, gerät, streuer, schritte, verlustfunktion, optimierer=None):
    summe, anzahl = 0., 0
    for bilder, _ in Fortschritt(lader, leave=False):
        bilder = bilder.to(gerät)
        t = torch.randint(0, schritte, (len(bilder),)).tolist()
        verrauscht, rauschen = streuer.noise_diffusion(bilder, t)
        geschätzt = modell(verrauscht, torch.tensor(t, dtype=torch.float32, device=gerät)[:, None])
        verlust = verlustfunktion(geschätzt, rauschen)
        if optimierer:
            optimierer.zero_grad(); verlust.backward(); optimierer.step()
        summe += verlust.item(); anzahl += 1
    return summe / anzahl

def train(modell, trainingsdaten, prüfdaten, optimierer, verlustfunktion, gerät, epochen, streuer, schritte):
    """Trainiert das Modell; gibt (Trainingsverluste, Prüfverluste) zurück"""
    verläufe = {'Training': [], 'Prüfung': []}
    for epoche in range(epochen):
        modell.train()
        verläufe['Training'].append(eine_runde(modell, trainingsdaten, gerät, streuer, schritte, verlustfunktion, optimierer))
        modell.eval()
        with torch.no_grad():
            verläufe['Prüfung'].append(eine_runde(modell, prüfdaten, gerät, streuer, schritte, verlustfunktion))
        print(f"Epoche {epoche + 1}: Training {verläufe['Training'][-1]:.4f}, Prüfung {verläufe['Prüfung'][-1]:.4f}")
    return verläufe['Training'], verläufe['Prüfung']

# %% sampler
def generate_samples(rauschbild, modell, anzahl, schritte, streuer, gerät):
    """Rückwärtsprozess, Algorithmus 2 im Artikel"""
    x = rauschbild.to(gerät)
    with torch.no_grad():
        for t in range(schritte - 1, -1, -1):
            # im letzten Schritt kein Rauschen mehr
            z = torch.randn_like(x) if t > 0 else 0
            ε = modell(x, torch.full((x.shape[0], 1), float(t), device=gerät))
            µ = (x - streuer.betas[t] / (1 - streuer.alpha_bar[t]).sqrt() * ε) / streuer.alphas[t].sqrt()
            σ = streuer.betas[t].sqrt()
            x = µ + σ * z
    return x
