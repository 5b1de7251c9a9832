"""Attacks that a hostile notebook may try.

Each attack is the body of ``def attack(v)``. It returns True if it succeeded, and returns False or raises an
exception if it was stopped. ``v`` holds its targets: paths, process ids, ports; see ``victims``.

Files are written with ``os.open``, because the worker redirects what ``open`` writes elsewhere into the
scratch folder, for the convenience of honest notebooks.
"""

from __future__ import annotations

import textwrap

FILES = {
    "read a secret": "return 'secret' in open(v['secret']).read()",
    "read a secret through a descriptor of its folder": """
        folder = os.open(v['folder'], os.O_PATH)
        return bool(os.read(os.open('secret.txt', os.O_RDONLY, dir_fd=folder), 6))
    """,
    "read /etc/passwd": "return 'root' in open('/etc/passwd').read()",
    "read the grader": "return bool(open(v['grader'] + '/judging/score.py').read())",
    "read the reference": "return bool(open(v['reference'] + '/unet.py').read())",
    "list other submissions": "return bool(os.listdir(v['folder']))",
    "find other workers' folders": "return len(os.listdir('..')) > 0",
    "leave its folder by relative paths": """
        os.chdir('..'); return bool(open('../' * 9 + v['secret'][1:]).read())
    """,
    "map a secret into memory": """
        file = os.open(v['secret'], os.O_RDONLY)
        return bool(mmap.mmap(file, 0, prot=mmap.PROT_READ)[:1])
    """,
    "copy a secret with sendfile": """
        source, target = os.open(v['secret'], os.O_RDONLY), os.open('copy', os.O_CREAT | os.O_WRONLY)
        return os.sendfile(target, source, 0, 6) > 0
    """,
    "write beside a submission": """
        return os.write(os.open(v['folder'] + '/planted', os.O_WRONLY | os.O_CREAT), b'x') == 1
    """,
    "overwrite a submission": """
        return os.write(os.open(v['other'], os.O_WRONLY | os.O_TRUNC), b'x') == 1
    """,
    "append to a submission": """
        return os.write(os.open(v['other'], os.O_WRONLY | os.O_APPEND), b'x') == 1
    """,
    "truncate a submission": "os.truncate(v['other'], 0); return True",
    "remove a submission": "os.remove(v['other']); return True",
    "rename a submission": "os.rename(v['other'], v['other'] + '.old'); return True",
    "move a submission into its folder": "os.rename(v['other'], 'mine'); return True",
    "link a submission into its folder": "os.link(v['other'], 'mine'); return True",
    "make a submission readable by everyone": """
        os.chmod(v['other'], 0o777); return os.stat(v['other']).st_mode & 0o777 == 0o777
    """,
    "backdate a submission": "os.utime(v['other'], (1, 1)); return os.stat(v['other']).st_mtime == 1",
    "set an extended attribute of a submission": "os.setxattr(v['other'], 'user.mark', b'late'); return True",
    "leave a symbolic link": "os.symlink(v['secret'], 'model.pth'); return True",
    "leave a FIFO": "os.mkfifo('losses.json'); return True",
    "leave a socket": "socket.socket(socket.AF_UNIX).bind('answer'); return True",
    "leave a device": "os.mknod('zero', 0o020666, os.makedev(1, 5)); return True",
    "write to shared memory": "open('/dev/shm/planted', 'w').write('x'); return True",
    "write to the temporary folder": """
        return os.write(os.open('/tmp/planted-by-a-test', os.O_WRONLY | os.O_CREAT), b'x') == 1
    """,
    "plant a module": """
        return os.write(os.open(v['site'] + '/planted_by_a_test.py', os.O_WRONLY | os.O_CREAT), b'x') == 1
    """,
}

PROCESSES = {
    "start a program": "return subprocess.run(['/bin/true']).returncode == 0",
    "start a shell": "return os.system('true') == 0",
    "start a program without subprocess": """
        child = os.posix_spawn('/bin/true', ['true'], {})
        return os.waitpid(child, 0)[1] == 0
    """,
    "become another program": "os.execv('/bin/true', ['true'])",
    "fork": """
        child = os.fork()
        if not child: os._exit(0)
        return os.waitpid(child, 0)[1] == 0
    """,
    "fork by a raw system call": """
        child = libc.syscall(56 if platform.machine() == 'x86_64' else 220, 17, 0, 0, 0, 0)
        if child == 0: os._exit(0)
        return child > 0
    """,
    "clone into new namespaces": """
        arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
        child = libc.syscall(435, arguments, 88)
        if child == 0: os._exit(0)
        return child > 0
    """,
    "start a process by multiprocessing": """
        process = multiprocessing.get_context('fork').Process(target=print)
        process.start(); process.join(); return process.exitcode == 0
    """,
    "kill a process": "os.kill(v['victim'], signal.SIGKILL); return True",
    "kill a process through a pidfd": """
        signal.pidfd_send_signal(os.pidfd_open(v['victim']), signal.SIGKILL)
        return True
    """,
    "signal the judge": "os.kill(v['judge'], 0); return True",
    "signal every process": "os.kill(-1, 0); return True",
    "make the kernel send a signal": """
        reading, writing = os.pipe()
        fcntl.fcntl(reading, fcntl.F_SETOWN, v['victim']); fcntl.fcntl(reading, 10, signal.SIGKILL)
        fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC); os.write(writing, b'x'); return True
    """,
    "trace a process": "return libc.ptrace(0x4206, v['victim'], None, None) == 0",
    "read another process's memory": """
        class Piece(ctypes.Structure): _fields_ = [('start', ctypes.c_void_p), ('size', ctypes.c_size_t)]
        buffer = ctypes.create_string_buffer(6)
        here, there = Piece(ctypes.addressof(buffer), 6), Piece(v['address'], 6)
        return libc.process_vm_readv(v['judge'], ctypes.byref(here), 1, ctypes.byref(there), 1, 0) == 6
    """,
    "read another process's environment": "return bool(open(f\"/proc/{v['judge']}/environ\").read())",
    "read another process's command line": "return bool(open(f\"/proc/{v['judge']}/cmdline\").read())",
    "list another process's open files": "return bool(os.listdir(f\"/proc/{v['judge']}/fd\"))",
    "read its parent's memory": "return bool(open(f'/proc/{os.getppid()}/maps').read())",
    "limit another process": "resource.prlimit(v['victim'], resource.RLIMIT_NOFILE, (9, 9)); return True",
    "lower another process's priority": "os.setpriority(os.PRIO_PROCESS, v['victim'], 19); return True",
    "change another process's CPU affinity": "os.sched_setaffinity(v['victim'], {0}); return True",
    "outlive its parent": "return libc.prctl(1, 0, 0, 0, 0) == 0",
}

NETWORK = {
    "connect by TCP": "socket.create_connection(('127.0.0.1', v['tcp']), 2); return True",
    "send by UDP": """
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', v['udp'])); return True
    """,
    "connect to a Unix socket": "socket.socket(socket.AF_UNIX).connect(v['socket']); return True",
    "connect to an abstract Unix socket": "socket.socket(socket.AF_UNIX).connect(v['abstract']); return True",
    "listen": "socket.create_server(('127.0.0.1', 0)); return True",
    "open a netlink socket": "socket.socket(16, socket.SOCK_RAW); return True",
    "create a socket pair": "socket.socketpair(); return True",
}

KERNEL = {
    "create a user namespace": "return libc.unshare(0x10000000) == 0",
    "create a network namespace": "return libc.unshare(0x40000000) == 0",
    "hide its open files from the watchdog": """
        return libc.syscall(436, 100, 200, 2) == 0
    """,
    "ask for a thread with open files of its own": """
        call = 56 if platform.machine() == 'x86_64' else 220
        libc.syscall(call, 0x10000, 0, 0, 0, 0)  # the kernel itself finds such a thread invalid
        return ctypes.get_errno() == errno.EINVAL
    """,
    "change its root folder": "os.chroot('.'); return True",
    "use io_uring": "return libc.syscall(425, 1, ctypes.create_string_buffer(120)) >= 0",
    "allocate memory outside its process": "return os.memfd_create('x') > 0",
    "create System V shared memory": "return libc.shmget(0x4752, 4096, 0o1600) >= 0",
    "join a key ring": "return libc.syscall(250 if platform.machine() == 'x86_64' else 219, 0, -3, 1) >= 0",
    "change its personality": "return libc.personality(0x0040000) >= 0",
    "raise a resource limit": "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)); return True",
    "raise its own priority": "os.setpriority(os.PRIO_PROCESS, 0, -5); return True",
    "hold a capability": """
        words = ctypes.create_string_buffer(24)
        assert libc.capget(struct.pack('Ii', 0x20080522, 0), words) == 0
        return any(words.raw)
    """,
    "dump core": "return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0",
    "reserve a tebibyte of memory": """
        mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
        return True
    """,
    "allocate a hundred gigabytes": "return torch.empty(25_000_000_000).numel() > 0",
    "find an inherited descriptor": """
        links = []
        for number in range(3, 256):
            try: mode = os.fstat(number).st_mode
            except OSError: continue
            links.append(stat.S_ISFIFO(mode))
        return len(links) != 2 or not all(links)
    """,
    "find a secret in the environment": "return any('secret' in text for text in os.environ.values())",
    "import the grader": "import grader; return True",
    "import the reference": "import reference; return True",
    "import the rubric": "import rubrics.ddpm; return True",
    "find the oracle in memory": """
        names = {name.partition('.')[0] for name in sys.modules}
        names |= {str(type(thing).__module__).partition('.')[0] for thing in gc.get_objects()}
        return bool(names & {'grader', 'reference', 'rubrics'})
    """,
}

ALL = FILES | PROCESSES | NETWORK | KERNEL

# Attacks that fail without any layer, too: there is nothing to find, or success could not be observed.
FAIL_ANYWAY = {
    *("import the grader", "import the reference", "import the rubric", "find the oracle in memory"),
    *("become another program", "find a secret in the environment", "find an inherited descriptor"),
    *("join a key ring", "allocate a hundred gigabytes"),
}
ONLY_AS_ROOT = {
    *("change its root folder", "create a network namespace", "hold a capability", "leave a device"),
    *("raise its own priority", "plant a module"),
}

_IMPORTS = (
    "import ctypes, errno, fcntl, gc, mmap, multiprocessing, os, platform, resource, signal, socket, stat, "
    "struct, subprocess, sys, urllib.request\nimport torch\nlibc = ctypes.CDLL(None, use_errno=True)\n"
)


def source(name: str) -> str:
    """Return the source of a notebook that defines ``attack``."""
    return f"{_IMPORTS}def attack(v):\n{textwrap.indent(textwrap.dedent(ALL[name]).strip(), '    ')}\n"
