"""Reference implementation of a DDPM, after Ho et al. 2020, that student code is compared with.

Read in this order: ``diffuser`` (noise an image), ``unet`` (predict the noise), ``trainer`` (learn to predict
it), ``sampler`` (remove it step by step), ``evaluation`` (how well that works), ``readings`` (the accepted
formulations of the forward process).
"""
