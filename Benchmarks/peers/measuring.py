"""Processes, and their CPU and memory from /proc."""

import asyncio
import contextlib
import os
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def cpu_of(pid):
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def status_of(pid, name):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


class Measured:
    """The use between `start` and `stop`: CPU in seconds, peaks of memory in bytes."""

    def __init__(self, pid, cpu):
        self.pid = pid
        self.cpu = cpu
        self.before = cpu(pid)
        self.started = time.monotonic()
        self.anonymous = 0
        self.sampler = asyncio.create_task(self.sample())

    async def sample(self):
        while True:
            self.anonymous = max(self.anonymous, status_of(self.pid, "RssAnon"))
            await asyncio.sleep(0.05)

    def stop(self):
        self.sampler.cancel()
        return {
            "seconds": time.monotonic() - self.started, "cpu": self.cpu(self.pid) - self.before,
            "rss": status_of(self.pid, "VmHWM"), "anonymous": self.anonymous,
        }


class Process:
    """A program that prints a line when it is ready."""

    def __init__(self, process, stream, line):
        self.process = process
        self.stream = stream
        self.line = line

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *arguments, environment, until, stream):
        process = await asyncio.create_subprocess_exec(
            *arguments, env=environment, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        other = process.stderr if stream == "stdout" else process.stdout
        drained = asyncio.create_task(other.read())
        self = cls(process, process.stdout if stream == "stdout" else process.stderr, "")
        try:
            await self.wait_for(until)
            if stream == "stderr":
                # A log must be read to its end; a script's lines are read one by one.
                rest = asyncio.create_task(self.stream.read())
            yield self
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            errors = (await drained).decode()
            if stream == "stdout" and process.returncode not in (0, -15):
                print(errors)

    async def wait_for(self, word):
        while word not in self.line:
            line = (await self.stream.readline()).decode()
            if not line:
                raise SystemExit("a contender ended too early")
            self.line = line.strip()

    def say(self):
        self.process.stdin.write(b"\n")

    def start(self):
        return Measured(self.process.pid, cpu_of)


class Server:
    """A Postgres server with all its processes, including those that have ended."""

    def __init__(self, postmaster):
        self.postmaster = postmaster

    def start(self):
        return Measured(self.postmaster, self.cpu)

    @staticmethod
    def cpu(postmaster):
        fields = stat(postmaster)
        used = sum(int(field) for field in fields[11:15]) / TICKS
        with open(f"/proc/{postmaster}/task/{postmaster}/children") as file:
            for child in file.read().split():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    used += cpu_of(child)
        return used
