"""Names and uses by which the handout's arguments are recognised among a student's parameters."""

from __future__ import annotations

from collections.abc import Mapping

from grader.probes.argument_names import LOADED, ArgumentNames

# Usual names for the handout's arguments. Within one signature no name stands for two of them.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "model": ("net", "network", "unet", "eps_model", "noise_model", "predictor"),
    "train_loader": (
        "trainloader",
        "train_dataloader",
        "train_dl",
        "loader",
        "dataloader",
        "data_loader",
        "train_data",
        "dataset",
        "data",
    ),
    "val_loader": (
        *(
            "valloader",
            "val_dataloader",
            "val_dl",
            "valid_loader",
            "validation_loader",
            "test_loader",
            "testloader",
        ),
        *("val_data", "validloader", "test_dataloader"),
    ),
    "optimizer": ("optim", "opt", "optimiser"),
    "criterion": ("loss_fn", "loss_function", "loss_func", "mse", "loss", "objective", "criteria"),
    "device": ("dev",),
    "num_epochs": ("epochs", "n_epochs", "nepochs", "epoch_count", "number_of_epochs", "num_epoch"),
    "diffuser": (
        "diffusion",
        "noise_diffuser",
        "noise_scheduler",
        "diff",
        "ddpm",
        "scheduler",
        "forward_process",
    ),
    "totalTrainingTimesteps": (
        *(
            "total_training_timesteps",
            "total_timesteps",
            "timesteps",
            "num_timesteps",
            "total_steps",
            "noise_steps",
        ),
        *("num_steps", "steps", "t", "n_steps", "n_timesteps", "diffusion_steps", "max_t"),
    ),
    "x_t": ("xt", "x", "x_start", "noise", "xT", "x_T", "start", "initial_noise", "noisy", "img"),
    "num_samples": (
        "n_samples",
        "nsamples",
        "n",
        "batch_size",
        "num_images",
        "samples",
        "number_of_samples",
        "count",
    ),
    "total_timesteps": (
        *("timesteps", "num_timesteps", "total_steps", "noise_steps", "num_steps", "steps", "n_steps", "t"),
        *("totaltrainingtimesteps", "n_timesteps", "diffusion_steps", "max_t"),
    ),
    "in_channels": (
        *(
            "in_ch",
            "in_c",
            "c_in",
            "ch_in",
            "inc",
            "n_in",
            "channels_in",
            "input_channels",
            "in_channel",
            "inp_channels",
        ),
        *(
            "channels",
            "n_channels",
            "num_channels",
            "image_channels",
            "img_channels",
            "nc",
            "in_chan",
            "chin",
        ),
    ),
    "out_channels": (
        *(
            "out_ch",
            "out_c",
            "c_out",
            "ch_out",
            "outc",
            "n_out",
            "channels_out",
            "output_channels",
            "out_channel",
        ),
        *("n_classes", "out_chan", "chout"),
    ),
    "start_beta": ("beta_start", "beta1", "beta_min", "min_beta", "beta_1", "startbeta", "low", "start"),
    "end_beta": ("beta_end", "beta2", "beta_max", "max_beta", "beta_t", "endbeta", "high", "end"),
    "total_steps": (
        *(
            "timesteps",
            "num_timesteps",
            "total_timesteps",
            "noise_steps",
            "num_steps",
            "steps",
            "n_steps",
            "t",
        ),
        *("n_timesteps", "diffusion_steps", "num_diffusion_steps"),
    ),
}
# Patterns of further names; parameters that the others leave are compared with them.
_STEPS = r"(time_?steps?|steps|(^|_)t)$"
_PATTERNS: Mapping[str, str] = {
    "model": r"model|network|unet|net$",
    "train_loader": r"train.*(loader|data|dl|set|batches|iter)",
    "val_loader": r"(val|test|dev|eval).*(loader|data|dl|set|batches|iter)",
    "optimizer": r"^opt",
    "criterion": r"^crit|loss_?f",
    "device": r"device",
    "num_epochs": r"epochs$",
    "diffuser": r"diffus|noiser|schedule",
    "totalTrainingTimesteps": _STEPS,
    "total_timesteps": _STEPS,
    "total_steps": _STEPS,
    "num_samples": r"(num|count|how_?many).*(samples|images|imgs|pictures|pics)",
    "start_beta": r"beta.*(start|min|low|first|begin|init)|(start|min|low|first|begin|init).*beta",
    "end_beta": r"beta.*(end|max|high|last|final|stop)|(end|max|high|last|final|stop).*beta",
}
# What the handout's arguments are used for, in the words of ``uses_of``.
_USES: Mapping[str, frozenset[str]] = {
    "train_loader": frozenset({LOADED}),
    "model": frozenset({".eval", ".train", ".parameters", ".state_dict", ".forward"}),
    "optimizer": frozenset({".step", ".zero_grad", ".param_groups"}),
    "diffuser": frozenset(
        {".betas", ".alphas", ".alpha_bar", ".noise_diffusion", ".beta", ".alpha", ".alphas_bar"}
    ),
    "device": frozenset({"to()", "device="}),
    "start_beta": frozenset({"linspace() 1"}),
    "end_beta": frozenset({"linspace() 2"}),
    "total_steps": frozenset({"linspace() 3"}),
}

HANDOUT = ArgumentNames(synonyms=_SYNONYMS, patterns=_PATTERNS, uses=_USES)
