"""What is set in the environment of every process that computes, of ours and of the student's."""

from __future__ import annotations

# Pools of threads do not survive a fork, and two graded at once would fight for the cores.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# PyTorch frees and takes tens of megabytes with every layer. Left alone, glibc hands them back to the system
# each time, and page faults slow a training down. A heap of huge pages has fewer to fork and to give back at
# the end. Other systems do not look at this.
_TUNED = {"trim_threshold": 256 << 20, "mmap_threshold": 32 << 20, "hugetlb": 1}
_KEEP_MEMORY = ":".join(f"glibc.malloc.{name}={value}" for name, value in _TUNED.items())

TUNABLES = "GLIBC_TUNABLES"
COMPUTING = {**_ONE_THREAD, TUNABLES: _KEEP_MEMORY}
