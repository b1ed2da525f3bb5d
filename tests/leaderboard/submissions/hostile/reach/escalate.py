"""Asks the kernel for more rights: a namespace, a mount, an identity, an earlier limit."""

import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)
gained = [
    libc.unshare(0x10000000) == 0,  # a new user namespace
    libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
    libc.umount2(b"/usr", 2) == 0,
    libc.mount(None, b"/", None, 32 | 4096, None) == 0,  # remount read-write
]
try:
    os.setuid(0)
    gained.append(os.getuid() == 0)
except OSError:
    pass
try:
    resource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6))
    gained.append(True)
except (OSError, ValueError):
    pass
if any(gained):
    raise SystemExit(str(gained))
raise PermissionError("none granted")
