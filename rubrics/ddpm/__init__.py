"""The rubric of the homework "Stable Diffusion": a DDPM on MNIST."""
