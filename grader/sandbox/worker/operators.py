"""The operators that a recorded graph may consist of: a fixed list of pure tensor arithmetic.

A graph comes from a process that runs untrusted code, so its names select nothing beyond this list. Left out
is what reads files, resizes or reassigns storage, reinterprets memory (``as_strided``) or takes strings.
"""

from __future__ import annotations

from typing import Any

import torch


def _names(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_ARITHMETIC = """
_prelu_kernel abs acos acosh add addcdiv addcmul angle asin asinh atan atan2 atanh bitwise_and bitwise_not
bitwise_or bitwise_xor ceil clamp clamp_max clamp_min complex copysign cos cosh deg2rad div elu eq erf
erfc erfinv exp exp2 expm1 fill floor floor_divide fmod frac ge gelu glu gt hardsigmoid hardswish hardtanh
heaviside hypot isfinite isinf isnan le leaky_relu lerp lgamma log log10 log1p log2 log_sigmoid_forward
logaddexp logaddexp2 logical_and logical_not logical_or logical_xor lt masked_fill maximum mish mul
nan_to_num ne neg polar pow prelu rad2deg reciprocal relu relu6 remainder round rrelu_with_noise rsqrt
rsub selu sgn sigmoid sign silu sin sinc sinh softplus softshrink sqrt square sub tan tanh threshold trunc
where xlogy zero
"""
_REDUCTIONS = """
_log_softmax _softmax all amax amin any argmax argmin cummax cumprod cumsum linalg_vector_norm logcumsumexp
logsumexp max mean median min norm prod sort std std_mean sum topk var var_mean
"""
_LAYERS = """
_adaptive_avg_pool2d _convolution _fused_rms_norm _native_batch_norm_legit
_native_batch_norm_legit_no_training _native_multi_head_attention _scaled_dot_product_cudnn_attention
_scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_fused_attention_overrideable _trilinear
_upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact2d _weight_norm _weight_norm_interface
adaptive_avg_pool2d adaptive_max_pool2d addbmm addmm addmv alpha_dropout avg_pool2d baddbmm batch_norm
bilinear bmm celu channel_shuffle col2im constant_pad_nd conv1d conv2d conv_transpose1d conv_transpose2d
convolution convolution_overrideable cudnn_batch_norm dot dropout einsum embedding feature_dropout
grid_sampler grid_sampler_2d group_norm im2col instance_norm layer_norm linear log_sigmoid log_softmax
matmul max_pool2d max_pool2d_with_indices max_unpool2d miopen_batch_norm mm mv native_batch_norm
native_channel_shuffle native_group_norm native_layer_norm outer pad pixel_shuffle pixel_unshuffle
reflection_pad2d replication_pad2d rms_norm scaled_dot_product_attention softmax upsample_bicubic2d
upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d vdot
"""
_SHAPES = """
_conj _reshape_alias _to_copy _unsafe_index _unsafe_view alias broadcast_tensors cat chunk clone contiguous
copy detach diagonal expand flatten flip gather index index_add index_copy index_put index_select lift
lift_fresh lift_fresh_copy masked_scatter movedim narrow permute repeat repeat_interleave reshape roll rot90
scatter scatter_add select select_scatter slice slice_scatter split split_with_sizes squeeze stack t to
transpose tril triu unbind unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view
view_as view_as_complex view_as_real
"""
_CONSTRUCTORS = """
arange empty empty_like empty_strided eye full full_like linspace logspace new_empty new_empty_strided
new_full new_ones new_zeros ones ones_like scalar_tensor zeros zeros_like
"""
_RANDOM = """
bernoulli exponential native_dropout normal rand rand_like randint randint_like randn randn_like randperm
uniform
"""
# An underscore at the end, for the form that overwrites its argument, is allowed as well.
ALLOWED = _names(_ARITHMETIC, _REDUCTIONS, _LAYERS, _SHAPES, _CONSTRUCTORS, _RANDOM)
# Operators of which only the shape of the argument counts, not its values.
TAKES_ONLY_SHAPE = _names(
    """
    empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like rand_like
    randint_like randn_like zeros_like
    """
)
# Operators whose result sums over positions: a result of (images, features) has none left.
CONTRACTS = _names(
    """
    addmm addmv amax amin linalg_vector_norm linear logsumexp matmul max mean median min mm mv norm prod
    std std_mean sum var var_mean
    """
)
# Operators on images laid out as (images, channels, height, width).
ON_IMAGES = _names(
    """
    _adaptive_avg_pool2d _convolution _upsample_bicubic2d_aa _upsample_bilinear2d_aa
    _upsample_nearest_exact2d adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d batch_norm conv2d
    conv_transpose2d convolution group_norm instance_norm max_pool2d max_pool2d_with_indices
    max_unpool2d native_batch_norm native_group_norm pixel_shuffle pixel_unshuffle reflection_pad2d
    replication_pad2d upsample_bicubic2d upsample_bilinear2d upsample_nearest2d
    """
)
# Operators that hand a tensor's values to Python, which may decide by them.
READS_VALUES = _names(
    """
    _local_scalar_dense allclose equal is_nonzero item
    """
)


def find_operator(name: object) -> Any:
    """Return the operator of a name such as "add.Tensor", or None if it is not on the list."""
    base, _, overload = name.partition(".") if isinstance(name, str) else ("", "", "")
    if not is_allowed(base):
        return None
    packet = getattr(torch.ops.aten, base, None)
    if packet is None or overload not in packet.overloads():
        return None
    found = getattr(packet, overload)
    writes_to_extra = any(argument.is_out for argument in found._schema.arguments)
    return None if writes_to_extra else found


def is_allowed(base: str) -> bool:
    """Return whether a graph may use the operator with this name, without its overload."""
    return base in ALLOWED or base.removesuffix("_") in ALLOWED
