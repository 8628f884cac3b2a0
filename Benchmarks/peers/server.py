"""A private Postgres server in a temporary directory, which ends with the program."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time


def binaries():
    for directory in os.environ["PATH"].split(":") + glob.glob("/usr/lib/postgresql/*/bin"):
        if os.access(f"{directory}/initdb", os.X_OK) and os.access(f"{directory}/postgres", os.X_OK):
            return directory
    raise SystemExit("there is no Postgres server on this machine")


def is_ready(path):
    with contextlib.suppress(FileNotFoundError), open(path) as file:
        return "ready" in file.read()
    return False


@contextlib.contextmanager
def postgres():
    """Runs a server with Postgres's default settings, and yields its directory and process."""
    place = binaries()
    account = None
    if os.geteuid() == 0:
        account = "postgres"
    directory = tempfile.mkdtemp(prefix="codemint-bench-")
    if account:
        os.chown(directory, pwd.getpwnam(account).pw_uid, -1)
    try:
        subprocess.run(
            [f"{place}/initdb", "-D", f"{directory}/data", "-A", "trust", "-U", "bench"],
            check=True, stdout=subprocess.DEVNULL, user=account, cwd=directory)
        server = subprocess.Popen(
            [f"{place}/postgres", "-D", f"{directory}/data", "-k", directory,
             "-c", "listen_addresses="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=account, cwd=directory)
        try:
            while not is_ready(f"{directory}/data/postmaster.pid"):
                if server.poll() is not None:
                    raise SystemExit("the Postgres server did not start")
                time.sleep(0.05)
            yield directory, server.pid
        finally:
            # A fast shutdown, which closes open connections.
            server.send_signal(signal.SIGINT)
            server.wait()
    finally:
        shutil.rmtree(directory)
