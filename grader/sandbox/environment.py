"""What is set in the environment of every process that computes, of ours and of the student's."""

from __future__ import annotations

# Pools of threads do not survive a fork, and two graded at once would fight for the cores.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# PyTorch frees and takes tens of megabytes with every layer. Left alone, glibc hands them back to the system
# each time, and page faults slow a training down. Other systems do not look at this.
_KEEP_MEMORY = f"glibc.malloc.trim_threshold={256 << 20}:glibc.malloc.mmap_threshold={32 << 20}"

TUNABLES = "GLIBC_TUNABLES"
COMPUTE_ENVIRONMENT = {**_ONE_THREAD, TUNABLES: _KEEP_MEMORY}
