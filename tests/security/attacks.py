"""What a hostile notebook may try. Each attack is the body of ``def attack(v)``: it returns True when it got
what it wanted, and False or an exception when something was in the way. Files are written by ``os.open``:
what ``open`` writes elsewhere is kept in the worker's folder, for the comfort of honest notebooks.

``v`` holds what it is after: paths, process numbers, ports; see ``victims``.
"""

from __future__ import annotations

import textwrap

FILES = {
    "read a secret": "return 'secret' in open(v['secret']).read()",
    "read a secret through a descriptor of its folder": """
        folder = os.open(v['folder'], os.O_PATH)
        return bool(os.read(os.open('secret.txt', os.O_RDONLY, dir_fd=folder), 6))
    """,
    "read the list of users": "return 'root' in open('/etc/passwd').read()",
    "read the grader": "return bool(open(v['grader'] + '/judging/score.py').read())",
    "read the reference": "return bool(open(v['reference'] + '/unet.py').read())",
    "list other submissions": "return bool(os.listdir(v['folder']))",
    "find other workers' folders": "return len(os.listdir('..')) > 0",
    "climb out of its folder": "os.chdir('..'); return bool(open('../' * 9 + v['secret'][1:]).read())",
    "map a secret into memory": """
        file = os.open(v['secret'], os.O_RDONLY)
        return bool(mmap.mmap(file, 0, prot=mmap.PROT_READ)[:1])
    """,
    "copy a secret in the kernel": """
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
    "empty a submission": "os.truncate(v['other'], 0); return True",
    "remove a submission": "os.remove(v['other']); return True",
    "rename a submission": "os.rename(v['other'], v['other'] + '.old'); return True",
    "move a submission to itself": "os.rename(v['other'], 'mine'); return True",
    "link a submission to itself": "os.link(v['other'], 'mine'); return True",
    "make a submission readable to all": """
        os.chmod(v['other'], 0o777); return os.stat(v['other']).st_mode & 0o777 == 0o777
    """,
    "date a submission back": "os.utime(v['other'], (1, 1)); return os.stat(v['other']).st_mtime == 1",
    "label a submission": "os.setxattr(v['other'], 'user.mark', b'late'); return True",
    "leave a symbolic link": "os.symlink(v['secret'], 'model.pth'); return True",
    "leave a pipe": "os.mkfifo('losses.json'); return True",
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
    "fork by a raw call": """
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
    "kill a process through a descriptor": """
        signal.pidfd_send_signal(os.pidfd_open(v['victim']), signal.SIGKILL)
        return True
    """,
    "stop the judge": "os.kill(v['judge'], 0); return True",
    "signal everybody": "os.kill(-1, 0); return True",
    "have the kernel kill": """
        reading, writing = os.pipe()
        fcntl.fcntl(reading, fcntl.F_SETOWN, v['victim']); fcntl.fcntl(reading, 10, signal.SIGKILL)
        fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC); os.write(writing, b'x'); return True
    """,
    "trace a process": "return libc.ptrace(0x4206, v['victim'], None, None) == 0",
    "read another's memory": """
        class Piece(ctypes.Structure): _fields_ = [('start', ctypes.c_void_p), ('size', ctypes.c_size_t)]
        buffer = ctypes.create_string_buffer(6)
        here, there = Piece(ctypes.addressof(buffer), 6), Piece(v['address'], 6)
        return libc.process_vm_readv(v['judge'], ctypes.byref(here), 1, ctypes.byref(there), 1, 0) == 6
    """,
    "read another's environment": "return bool(open(f\"/proc/{v['judge']}/environ\").read())",
    "read another's command line": "return bool(open(f\"/proc/{v['judge']}/cmdline\").read())",
    "open another's files": "return bool(os.listdir(f\"/proc/{v['judge']}/fd\"))",
    "read its parent's memory": "return bool(open(f'/proc/{os.getppid()}/maps').read())",
    "limit another process": "resource.prlimit(v['victim'], resource.RLIMIT_NOFILE, (9, 9)); return True",
    "slow another process down": "os.setpriority(os.PRIO_PROCESS, v['victim'], 19); return True",
    "bind another process to one core": "os.sched_setaffinity(v['victim'], {0}); return True",
    "outlive its parent": "return libc.prctl(1, 0, 0, 0, 0) == 0",
}

NETWORK = {
    "connect by TCP": "socket.create_connection(('127.0.0.1', v['tcp']), 2); return True",
    "send by UDP": """
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', v['udp'])); return True
    """,
    "connect to a local socket": "socket.socket(socket.AF_UNIX).connect(v['socket']); return True",
    "connect to an abstract socket": "socket.socket(socket.AF_UNIX).connect(v['abstract']); return True",
    "listen": "socket.create_server(('127.0.0.1', 0)); return True",
    "talk to the kernel by netlink": "socket.socket(16, socket.SOCK_RAW); return True",
    "make a pair of sockets": "socket.socketpair(); return True",
}

KERNEL = {
    "make a user namespace": "return libc.unshare(0x10000000) == 0",
    "make a network namespace": "return libc.unshare(0x40000000) == 0",
    "change its root": "os.chroot('.'); return True",
    "use io_uring": "return libc.syscall(425, 1, ctypes.create_string_buffer(120)) >= 0",
    "keep memory outside every process": "return os.memfd_create('x') > 0",
    "share memory by System V": "return libc.shmget(0x4752, 4096, 0o1600) >= 0",
    "join a key ring": "return libc.syscall(250 if platform.machine() == 'x86_64' else 219, 0, -3, 1) >= 0",
    "change its personality": "return libc.personality(0x0040000) >= 0",
    "lift a limit": "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)); return True",
    "push to the front": "os.setpriority(os.PRIO_PROCESS, 0, -5); return True",
    "hold a capability": """
        words = ctypes.create_string_buffer(24)
        assert libc.capget(struct.pack('Ii', 0x20080522, 0), words) == 0
        return any(words.raw)
    """,
    "dump core": "return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0",
    "reserve a tebibyte": """
        mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
        return True
    """,
    "allocate a hundred gigabytes": "return torch.empty(25_000_000_000).numel() > 0",
    "find a foreign descriptor": """
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

# What fails without walls as well: the process holds nothing of the kind, or success could not be told.
ANYWAY = {
    *("import the grader", "import the reference", "import the rubric", "find the oracle in memory"),
    *("become another program", "find a secret in the environment", "find a foreign descriptor"),
    *("join a key ring", "allocate a hundred gigabytes"),
}
ONLY_AS_ROOT = {
    *("change its root", "make a network namespace", "hold a capability", "leave a device"),
    *("push to the front", "plant a module"),
}

_IMPORTS = (
    "import ctypes, fcntl, gc, mmap, multiprocessing, os, platform, resource, signal, socket, stat, struct, "
    "subprocess, sys, urllib.request\nimport torch\nlibc = ctypes.CDLL(None, use_errno=True)\n"
)


def source(name: str) -> str:
    """A notebook's worth of code that defines ``attack``."""
    return f"{_IMPORTS}def attack(v):\n{textwrap.indent(textwrap.dedent(ALL[name]).strip(), '    ')}\n"
