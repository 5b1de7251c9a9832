"""Numbers of the system calls that the filter decides on, for x86-64 and 64-bit ARM.

Taken from the kernel's ``arch/x86/entry/syscalls/syscall_64.tbl`` and
``include/uapi/asm-generic/unistd.h``. A dash means that the architecture has no such call. From 424 on the
numbers are the same on every architecture.
"""

from __future__ import annotations

import platform

# Calls with a higher number are refused with ENOSYS. Review the new ones before raising it.
LAST_REVIEWED = 469
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_* in <linux/audit.h>

# name, number on x86-64, number on aarch64
_TABLE = """
# A second process, or another program in this one. clone and clone3 also start threads; see seccomp.py.
fork 57 -
vfork 58 -
clone 56 220
clone3 435 435
execve 59 221
execveat 322 281

# A thread with a table of descriptors of its own; see seccomp.py.
close_range 436 436

# Signals to other processes, handles on them, their memory. (kill and tgkill: own process only.)
kill 62 129
tkill 200 130
tgkill 234 131
rt_sigqueueinfo 129 138
rt_tgsigqueueinfo 297 240
pidfd_open 434 434
pidfd_getfd 438 438
pidfd_send_signal 424 424
ptrace 101 117
process_vm_readv 310 270
process_vm_writev 311 271
process_madvise 440 440
process_mrelease 448 448
kcmp 312 272

# Limits, priority, scheduling and placement of memory, of other processes too: Landlock covers none of them.
prlimit64 302 261
setpriority 141 140
ioprio_set 251 30
sched_setscheduler 144 119
sched_setparam 142 118
sched_setattr 314 274
sched_setaffinity 203 122
migrate_pages 256 238
move_pages 279 239
mbind 237 235
set_mempolicy 238 237
set_mempolicy_home_node 450 450

# Sockets. Landlock only covers TCP (ABI 4) and abstract Unix sockets (ABI 6): UDP, netlink and the rest pass.
socket 41 198
socketpair 53 199
connect 42 203
bind 49 200
listen 50 201
accept 43 202
accept4 288 242
sendto 44 206
sendmsg 46 211
sendmmsg 307 269
recvfrom 45 207
recvmsg 47 212
recvmmsg 299 243

# Memory that belongs to no process, and so to no limit of one.
memfd_create 319 279
memfd_secret 447 447
shmget 29 194
shmat 30 196
shmctl 31 195
semget 64 190
semop 65 193
semtimedop 220 192
msgget 68 186
msgsnd 69 189
msgrcv 70 188
mq_open 240 180
mq_unlink 241 181

# Parts of the kernel that student code does not need. io_uring makes calls that no filter sees.
bpf 321 280
userfaultfd 323 282
perf_event_open 298 241
io_uring_setup 425 425
io_uring_enter 426 426
io_uring_register 427 427
io_setup 206 0
io_submit 209 2
add_key 248 217
request_key 249 218
keyctl 250 219
seccomp 317 277
prctl 157 167
personality 135 92
modify_ldt 154 -
iopl 172 -
ioperm 173 -
vmsplice 278 75
splice 275 76
tee 276 77

# Modes, owners, dates and attributes of files, which Landlock does not cover.
chmod 90 -
fchmod 91 52
fchmodat 268 53
fchmodat2 452 452
chown 92 -
lchown 94 -
fchown 93 55
fchownat 260 54
setxattr 188 5
lsetxattr 189 6
fsetxattr 190 7
setxattrat 463 463
removexattr 197 14
lremovexattr 198 15
fremovexattr 199 16
removexattrat 466 466
utime 132 -
utimes 235 -
futimesat 261 -
utimensat 280 88

# Device files, files by handle, watches on files, quotas.
mknod 133 -
mknodat 259 33
name_to_handle_at 303 264
open_by_handle_at 304 265
inotify_init 253 -
inotify_init1 294 26
fanotify_init 300 262
fanotify_mark 301 263
quotactl 179 60
quotactl_fd 443 443
file_setattr 469 469

# Decided by their request numbers; see seccomp.py.
fcntl 72 25
ioctl 16 29

# Namespaces, mounts and the root folder.
unshare 272 97
setns 308 268
mount 165 40
umount2 166 39
pivot_root 155 41
chroot 161 51
open_tree 428 428
move_mount 429 429
fsopen 430 430
fsconfig 431 431
fsmount 432 432
fspick 433 433
mount_setattr 442 442
statmount 457 457
listmount 458 458
open_tree_attr 467 467

# Users, groups and capabilities.
setuid 105 146
setgid 106 144
setreuid 113 145
setregid 114 143
setresuid 117 147
setresgid 119 149
setfsuid 122 151
setfsgid 123 152
setgroups 116 159
capset 126 91

# Administration of the machine.
reboot 169 142
kexec_load 246 104
kexec_file_load 320 294
init_module 175 105
finit_module 313 273
delete_module 176 106
syslog 103 116
acct 163 89
swapon 167 224
swapoff 168 225
settimeofday 164 170
clock_settime 227 112
adjtimex 159 171
clock_adjtime 305 266
sethostname 170 161
setdomainname 171 162
vhangup 153 58
lookup_dcookie 212 18
"""


def numbers(machine: str | None = None) -> dict[str, int]:
    """Return the calls of a machine (by default of this one) as a mapping from name to number.

    Raises:
        KeyError: the machine is of neither architecture.
    """
    column = {"x86_64": 1, "aarch64": 2}[machine or platform.machine()]
    rows = (line.split() for line in _TABLE.splitlines() if line and not line.startswith("#"))
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}
