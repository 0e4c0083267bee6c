"""Loaded last by the server that copies processes of a pool (`explorer.search.worker_pool`).

The server is started with Ctrl-C held back: one that comes while it loads libraries would end it in a traceback. Here
that is undone, as all its copies, those of other programs of the user too, would begin their lives so. What came
meanwhile was for the process that searches, and is dropped.
"""

import signal

if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
