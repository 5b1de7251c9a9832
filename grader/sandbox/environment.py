"""Environment variables of every process that computes: judges and workers."""

from __future__ import annotations

# Thread pools do not survive a fork, and notebooks that are graded at the same time would compete for cores.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# PyTorch allocates and frees tens of megabytes in every layer. By default glibc returns them to the system
# each time, and the page faults slow training down. Systems without glibc ignore this variable.
_KEEP_MEMORY = f"glibc.malloc.trim_threshold={256 << 20}:glibc.malloc.mmap_threshold={32 << 20}"

TUNABLES = "GLIBC_TUNABLES"
COMPUTE_ENVIRONMENT = {**_ONE_THREAD, TUNABLES: _KEEP_MEMORY}
