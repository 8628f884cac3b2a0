"""codemint beside the programs that one would write instead; see docs/benchmarks.md.

Usage: compare.py CODEMINT [--codes N] [--jobs N] [--wakes N] [--rounds N] [--only NAME ...]
                  [--workload NAME] [--json FILE]

Every contender does the same work: the same jobs, the same simulated API, four calls in flight, the
same table with the same indexes. It ends with 1 if a contender did not do its work.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import uuid
from importlib import metadata

import asyncpg
import orjson
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

import server
import wake
from measuring import Process, Server

HERE = os.path.dirname(os.path.abspath(__file__))
CALL = 500
LIMITS = {
    "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "10000", "CODEMINT_LIMITS_BURST": "1000",
    "CODEMINT_LIMITS_MAX_IN_FLIGHT": "4", "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "4",
}
PLAIN = """
    CREATE TABLE plain_jobs (id bigserial PRIMARY KEY, reward_id uuid NOT NULL,
      count integer NOT NULL, prefix text, state text NOT NULL DEFAULT 'queued',
      issued integer NOT NULL DEFAULT 0);
    CREATE INDEX ON plain_jobs (id) WHERE state = 'queued'
"""


class Stage:
    """A database of its own for one run, and the simulated API."""

    def __init__(self, codemint, directory, postmaster):
        self.codemint = codemint
        self.directory = directory
        self.postmaster = postmaster
        self.number = 0
        self.api = None

    def url(self, name):
        return f"postgresql://bench@/{name}?host={self.directory}"

    def environment(self, **more):
        # Nothing else of the environment reaches a contender.
        return {"PATH": os.environ["PATH"], "CODEMINT_CONFIG": "/dev/null",
                "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""), **more}

    async def database(self):
        self.number += 1
        name = f"run_{self.number}"
        owner = await asyncpg.connect(self.url("postgres"))
        await owner.execute(f"CREATE DATABASE {name}")
        await owner.close()
        migrate = await asyncio.create_subprocess_exec(
            self.codemint, "migrate", stdout=asyncio.subprocess.DEVNULL,
            env=self.environment(CODEMINT_DATABASE_URL=self.url(name)))
        if await migrate.wait():
            raise SystemExit("codemint migrate failed")
        return name, await asyncpg.connect(self.url(name))


def jobs_of(codes, jobs):
    """So many jobs of about the same size, each with its own reward."""
    share, rest = divmod(codes, jobs)
    return [(uuid.uuid4(), share + (number < rest)) for number in range(jobs)]


def calls_of(jobs):
    for number, (reward, count) in enumerate(jobs, start=1):
        while count > 0:
            size = min(count, CALL)
            count -= size
            yield {"job": number, "reward": str(reward), "count": size, "prefix": "BENCH"}


async def run_codemint(stage, name, owner, jobs):
    done = asyncio.Event()
    left = len(jobs)

    def note(*_):
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    await owner.add_listener("codemint_job_done", note)
    environment = stage.environment(
        CODEMINT_DATABASE_URL=stage.url(name), CODEMINT_API_BASE_URL=stage.api,
        CODEMINT_API_KEY="peers", CODEMINT_HTTP_LISTEN="", CODEMINT_LOG_LEVEL="debug", **LIMITS)
    async with Process.run(stage.codemint, "run", environment=environment,
                           until="listening for wakes", stream="stderr") as process:
        measured = process.start()
        await owner.executemany(
            "INSERT INTO codemint.jobs (reward_id, count, prefix) VALUES ($1, $2, 'BENCH')", jobs)
        await done.wait()
        return measured.stop()


async def run_script(stage, name, script):
    environment = stage.environment(PEER_DATABASE_URL=stage.url(name), PEER_API_URL=stage.api)
    async with Process.run(sys.executable, f"{HERE}/{script}", environment=environment,
                           until="ready", stream="stdout") as process:
        measured = process.start()
        process.say()
        await process.wait_for("done")
        figures = measured.stop()
        process.say()
        return figures


async def run_plain(stage, name, owner, jobs):
    await owner.execute(PLAIN)
    await owner.executemany(
        "INSERT INTO plain_jobs (reward_id, count, prefix) VALUES ($1, $2, 'BENCH')", jobs)
    return await run_script(stage, name, "plain.py")


async def run_pgqueuer(stage, name, owner, jobs):
    queries = Queries(AsyncpgDriver(owner))
    await queries.install()
    calls = [orjson.dumps(call) for call in calls_of(jobs)]
    await queries.enqueue(["issue"] * len(calls), calls, [0] * len(calls))
    return await run_script(stage, name, "pgqueuer_worker.py")


async def run_procrastinate(stage, name, owner, jobs):
    import procrastinate
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=stage.url(name)))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await app.configure_task("issue", allow_unknown=True).batch_defer_async(*calls_of(jobs))
    return await run_script(stage, name, "procrastinate_worker.py")


CONTENDERS = {
    "codemint": run_codemint, "plain script": run_plain, "PgQueuer": run_pgqueuer,
    "procrastinate": run_procrastinate,
}


async def copy_limit(owner, directory):
    """The seconds of one COPY of the same rows into the emptied table."""
    file = f"{directory}/codes.copy"
    await owner.execute(f"COPY codemint.codes TO '{file}' (FORMAT binary)", timeout=600)
    await owner.execute("TRUNCATE codemint.codes")
    await owner.execute("CHECKPOINT")
    started = time.monotonic()
    await owner.execute(f"COPY codemint.codes FROM '{file}' (FORMAT binary)", timeout=600)
    seconds = time.monotonic() - started
    os.unlink(file)
    return seconds


async def one_run(stage, contender, jobs):
    """Runs a contender with its own database, simulated API and process; returns the figures."""
    codes = sum(count for _, count in jobs)
    name, owner = await stage.database()
    sandbox = Process.run(stage.codemint, "sandbox", "--port", "0", until="http", stream="stdout",
                          environment=stage.environment())
    async with sandbox as api:
        stage.api = api.line
        others = [api.start(), Server(stage.postmaster).start()]
        await owner.execute("CHECKPOINT")
        figures = await CONTENDERS[contender](stage, name, owner, jobs)
        figures["sandbox_cpu"], figures["postgres_cpu"] = (o.stop()["cpu"] for o in others)
    stored, distinct = await owner.fetchrow(
        "SELECT count(*), count(DISTINCT id) FROM codemint.codes", timeout=600)
    if stored != codes or distinct != codes:
        raise SystemExit(f"{contender} stored {stored} codes, {distinct} of them distinct; "
                         f"{codes} were asked for")
    figures["codes_per_second"] = codes / figures["seconds"]
    figures["cpu_per_100000"] = figures["cpu"] / codes * 100_000
    if contender == "codemint":
        figures["copy_per_second"] = codes / await copy_limit(owner, stage.directory)
    await owner.close()
    owner = await asyncpg.connect(stage.url("postgres"))
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()
    return figures


def middle(rounds, figure):
    return statistics.median(r[figure] for r in rounds)


def table(results, title):
    base = results.get("plain script")
    copy = middle(results["codemint"], "copy_per_second") if "codemint" in results else None
    print(f"\n{title}")
    if copy:
        print(f"one COPY of the same rows into the same table: {copy:,.0f} rows/s")
    print(f"{'':14} {'codes/s':>9} {'x script':>8} {'of COPY':>8} {'CPU s/100k':>10} "
          f"{'x script':>8} {'peak MiB':>8} {'anon MiB':>8} {'Postgres':>9} {'stand-in':>9}")
    for name, rounds in results.items():
        speed, cpu = middle(rounds, "codes_per_second"), middle(rounds, "cpu_per_100000")
        codes = middle(rounds, "codes_per_second") * middle(rounds, "seconds")
        ratio = f"{speed / middle(base, 'codes_per_second'):8.2f}" if base else f"{'-':>8}"
        share = f"{speed / copy:8.2f}" if copy else f"{'-':>8}"
        cpus = f"{cpu / middle(base, 'cpu_per_100000'):8.2f}" if base else f"{'-':>8}"
        print(f"{name:14} {speed:9,.0f} {ratio} {share} {cpu:10.2f} {cpus} "
              f"{middle(rounds, 'rss') / 2**20:8.1f} {middle(rounds, 'anonymous') / 2**20:8.1f} "
              f"{middle(rounds, 'postgres_cpu') / codes * 1e5:9.2f} "
              f"{middle(rounds, 'sandbox_cpu') / codes * 1e5:9.2f}")


def versions(codemint_version, postgres_version):
    names = ["asyncpg", "aiohttp", "orjson", "pgqueuer", "procrastinate"]
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "?")
    return (f"{codemint_version}, Postgres {postgres_version}, Python {platform.python_version()}, "
            + ", ".join(f"{name} {metadata.version(name)}" for name in names)
            + f"; {os.cpu_count()} x {model}")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codemint")
    parser.add_argument("--codes", type=int, default=1_000_000, help="codes of each workload")
    parser.add_argument("--jobs", type=int, default=2000, help="jobs of the second workload")
    parser.add_argument("--wakes", type=int, default=100, help="jobs of the workload wake")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each; medians are shown")
    parser.add_argument("--only", nargs="*", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--workload", choices=["big", "many", "wake"])
    parser.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    asked = parser.parse_args()
    version = await asyncio.create_subprocess_exec(
        asked.codemint, "--version", stdout=asyncio.subprocess.PIPE)
    version = "codemint " + (await version.communicate())[0].decode().strip()
    workloads = {
        "big": (1, f"one job of {asked.codes:,} codes"),
        "many": (asked.jobs, f"{asked.jobs:,} jobs, {asked.codes:,} codes"),
    }
    everything = {}
    with server.postgres() as (directory, postmaster):
        stage = Stage(asked.codemint, directory, postmaster)
        owner = await asyncpg.connect(stage.url("postgres"))
        print(versions(version, (await owner.fetchval("SHOW server_version")).split()[0]))
        await owner.close()
        for workload, (jobs, title) in workloads.items():
            if asked.workload not in (None, workload):
                continue
            results = {name: [] for name in asked.only}
            for _ in range(asked.rounds):
                for name in results:
                    figures = await one_run(stage, name, jobs_of(asked.codes, jobs))
                    results[name].append(figures)
            table(results, title)
            everything[workload] = results
        if asked.workload in (None, "wake"):
            everything["wake"] = await wake.compare(
                stage, f"{HERE}/plain_listener.py", asked.wakes)
            wake.table(everything["wake"])
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump({"versions": version, "workloads": everything}, file, indent=2)


if __name__ == "__main__":
    asyncio.run(main())
