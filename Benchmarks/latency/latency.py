"""Measures how soon codemint does something, beside a plain script; see docs/scheduling.md.

Usage: latency.py CODEMINT [--jobs N] [--waiting N] [--idle SECONDS]
Ends with 1 if a figure misses its target.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import time
import urllib.request

import asyncpg

sys.path.insert(1, os.path.join(os.path.dirname(__file__), "..", "peers"))
import server  # noqa: E402

OURS = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
PLAIN = "7e0f4c1b-52d3-4f0e-9b6a-0c2a3d1e5f60"
MISSED = []


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def judge(holds, sentence):
    print(f"{'ok    ' if holds else 'MISSED'} {sentence}", flush=True)
    if not holds:
        MISSED.append(sentence)


def shares(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.95)]


@contextlib.asynccontextmanager
async def program(*arguments, environment=None, until, stream="stderr"):
    """Runs a program, and goes on when it has written a line with `until` in it."""
    process = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE)
    pipes = {"stdout": process.stdout, "stderr": process.stderr}
    line = ""
    while until not in line:
        line = (await pipes[stream].readline()).decode()
        if not line:
            raise SystemExit(f"{arguments[0]} ended: {(await process.stderr.read()).decode()}")
    readers = [asyncio.create_task(pipe.read()) for pipe in pipes.values()]
    try:
        yield process, line.strip()
    finally:
        process.terminate()
        await process.wait()
        await asyncio.gather(*readers)


class Stage:
    """A database, a stand-in for the API, and what runs on them."""

    def __init__(self, codemint, directory, api):
        self.codemint = codemint
        self.directory = directory
        self.api = api

    def url(self, name):
        return f"postgresql://bench@/{name}?host={self.directory}"

    def environment(self, name, **more):
        return {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
            "CODEMINT_CONFIG": "/dev/null", "CODEMINT_API_KEY": "bench",
            "CODEMINT_DATABASE_URL": self.url(name), "CODEMINT_API_BASE_URL": self.api,
            "CODEMINT_LOG_LEVEL": "debug", **more,
        }

    async def database(self, name):
        owner = await asyncpg.connect(self.url("postgres"))
        await owner.execute(f"CREATE DATABASE {name}")
        await owner.close()
        migrate = await asyncio.create_subprocess_exec(
            self.codemint, "migrate", env=self.environment(name),
            stdout=asyncio.subprocess.DEVNULL)
        if await migrate.wait():
            raise SystemExit("codemint migrate failed")
        return await asyncpg.connect(self.url(name))

    def daemon(self, name, until, **more):
        return program(self.codemint, "run", environment=self.environment(name, **more),
                       until=until)

    def arrivals(self, reward):
        with urllib.request.urlopen(f"{self.api}/sandbox/requests") as answer:
            requests = json.load(answer)["generate"]
        return [r["arrived_ns"] for r in requests if r["reward"] == reward]


FAST = {
    "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "500", "CODEMINT_LIMITS_BURST": "20",
}


async def insert_to_request(stage, jobs):
    """(a) An idle worker, single inserts by another connection; the plain script in turns."""
    owner = await stage.database("wake")
    await owner.execute("""
        CREATE TABLE plain_jobs (id bigserial PRIMARY KEY, reward_id uuid NOT NULL,
          count integer NOT NULL, state text NOT NULL DEFAULT 'queued');
        CREATE INDEX ON plain_jobs (id) WHERE state = 'queued';
        CREATE FUNCTION plain_wake() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM pg_notify('plain_jobs', ''); RETURN NULL; END $$;
        CREATE TRIGGER wake AFTER INSERT ON plain_jobs
          FOR EACH STATEMENT EXECUTE FUNCTION plain_wake();
        """)
    done = asyncio.Event()
    for channel in ("codemint_job_done", "plain_done"):
        await owner.add_listener(channel, lambda *_: done.set())
    producer = await asyncpg.connect(stage.url("wake"))
    kinds = {
        "codemint": (OURS, "INSERT INTO codemint.jobs (reward_id, count) VALUES ($1, 10)"),
        "script": (PLAIN, "INSERT INTO plain_jobs (reward_id, count) VALUES ($1, 10)"),
    }
    inserted = {kind: [] for kind in kinds}
    script = program(
        sys.executable, os.path.join(os.path.dirname(__file__), "plain.py"),
        environment={**os.environ, "PLAIN_DATABASE_URL": stage.url("wake"),
                     "PLAIN_API_URL": stage.api},
        until="ready", stream="stdout")
    async with stage.daemon("wake", "listening for wakes", **FAST), script:
        for number in range(jobs + 5):
            for kind, (reward, statement) in kinds.items():
                done.clear()
                await asyncio.sleep(random.uniform(0.03, 0.06))
                inserted[kind].append(now())
                await producer.execute(statement, reward)
                await asyncio.wait_for(done.wait(), 30)
    figures = {}
    for kind, (reward, _) in kinds.items():
        # The first few open connections and prepare statements.
        late = [(a - i) / 1e6 for i, a in zip(inserted[kind], stage.arrivals(reward))][5:]
        figures[kind] = shares(late)
        print(f"       {kind}: insert to request p50 {figures[kind][0]:.2f} ms, "
              f"p95 {figures[kind][1]:.2f} ms, {len(late)} jobs")
    for place, name in enumerate(("p50", "p95")):
        ours, plain = figures["codemint"][place], figures["script"][place]
        judge(ours <= plain, f"{name} {ours:.2f} ms is no worse than the script's {plain:.2f} ms")
    await producer.close()
    await owner.close()


async def without_listen(stage):
    """(b) LISTEN leads nowhere: jobs are found by polling."""
    owner = await stage.database("poll")
    reward = "b1a5d8f4-6c37-4e29-8d10-2f4b6a8c0e12"
    inserted = []
    done = asyncio.Event()
    await owner.add_listener("codemint_job_done", lambda *_: done.set())
    nowhere = f"postgresql://bench@/poll?host={stage.directory}/nowhere"
    async with stage.daemon("poll", "not woken for now, polling", **FAST,
                            CODEMINT_DATABASE_LISTEN_URL=nowhere, CODEMINT_POLL_SECONDS="1"):
        for _ in range(10):
            done.clear()
            await asyncio.sleep(random.uniform(0.2, 1.2))
            inserted.append(now())
            await owner.execute("INSERT INTO codemint.jobs (reward_id, count) VALUES ($1, 10)",
                                reward)
            await asyncio.wait_for(done.wait(), 30)
    late = [(a - i) / 1e6 for i, a in zip(inserted, stage.arrivals(reward))]
    judge(max(late) <= 1050, f"without LISTEN the latest of 10 jobs is sent after {max(late):.0f} "
                             "ms; poll.seconds is 1")
    await owner.close()


BACKLOG = """
    UPDATE codemint.accounts
    SET requests_per_second = 1e6, burst = 1000000, max_in_flight = 1000000,
        max_in_flight_per_reward = 1000000,
        timeline = left(pg_walfile_name(pg_current_wal_lsn()), 8);
    INSERT INTO codemint.rewards (reward_id, closed_at)
      VALUES ('00000000-0000-4000-8000-00000000000c', now());
    INSERT INTO codemint.jobs (reward_id, count, priority)
      SELECT '00000000-0000-4000-8000-00000000000c', 10, 0 FROM generate_series(1, {0} / 10);
    INSERT INTO codemint.jobs (reward_id, count, run_at)
      SELECT gen_random_uuid(), 10, now() + interval '1 day' FROM generate_series(1, {0} * 4 / 10);
    INSERT INTO codemint.jobs (reward_id, count)
      SELECT gen_random_uuid(), 10 FROM generate_series(1, {0} / 4);
    INSERT INTO codemint.jobs (reward_id, count)
      SELECT '{1}', 1000 FROM generate_series(1, {0} / 4);
"""
CLAIM = """
    SELECT outcome FROM codemint.claim_call(gen_random_uuid(), $1, '1 min', 500, '1 s')
"""


async def claims(stage, waiting):
    """(c) Claims with few and with many waiting jobs, in turns: a tenth stands ahead of all others
    on a closed reward, four tenths are for tomorrow, a quarter is on rewards of their own, and a
    quarter on one reward."""
    databases = {}
    for number in (1000, waiting):
        owner = await stage.database(f"claims_{number}")
        for statement in BACKLOG.format(number, OURS).split(";\n"):
            if statement.strip():
                await owner.execute(statement, timeout=600)
        await owner.execute("VACUUM ANALYZE")
        await owner.execute("CHECKPOINT")
        databases[number] = (owner, await owner.prepare(CLAIM), [])
    for turn in range(420):
        for owner, claim, times in databases.values():
            started = now()
            outcome = await claim.fetchval(OURS)
            times.append((now() - started) / 1e6)
            if outcome != "call":
                raise SystemExit(f"claim {turn} found {outcome}")
    medians = []
    for number, (owner, _, times) in databases.items():
        medians.append(statistics.median(times[20:]))
        print(f"       claim with {number} waiting jobs: median {medians[-1]:.2f} ms")
        await owner.close()
    ratio = medians[1] / medians[0]
    judge(ratio <= 1.2, f"the ratio of the medians is {ratio:.2f}; at most 1.2")


async def idle(stage, seconds):
    """(d) What a daemon with the default settings does while there is nothing to do."""
    await (await stage.database("idle")).close()
    owner = await asyncpg.connect(stage.url("postgres"))
    count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'idle'"

    def used(process):
        with open(f"/proc/{process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async with stage.daemon("idle", "listening for wakes") as (process, _):
        # Until the start's own transactions have been counted.
        await asyncio.sleep(12)
        cpu, transactions = used(process), await owner.fetchval(count)
        await asyncio.sleep(seconds)
        cpu, transactions = used(process) - cpu, await owner.fetchval(count) - transactions
    # Counted in ticks of 10 ms.
    judge(round(cpu, 2) <= 0.02 * seconds / 30, f"idle for {seconds} s: {cpu:.2f} s of CPU; at most 0.02 in 30")
    judge(transactions <= 16 * seconds / 30,
          f"idle for {seconds} s: {transactions} transactions; at most 16 in 30")
    await owner.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codemint")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    parser.add_argument("--idle", type=int, default=30)
    parser.add_argument("--only", choices=["insert", "poll", "claim", "idle"])
    asked = parser.parse_args()
    with server.postgres() as (directory, _):
        sandbox = program(
            asked.codemint, "sandbox", "--port", "0", until="http", stream="stdout",
            environment={"PATH": os.environ["PATH"], "CODEMINT_CONFIG": "/dev/null",
                         "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")})
        async with sandbox as (_, api):
            stage = Stage(asked.codemint, directory, api)
            if asked.only in (None, "insert"):
                await insert_to_request(stage, asked.jobs)
            if asked.only in (None, "poll"):
                await without_listen(stage)
            if asked.only in (None, "idle"):
                await idle(stage, asked.idle)
            if asked.only in (None, "claim"):
                await claims(stage, asked.waiting)
    if MISSED:
        raise SystemExit(1)


asyncio.run(main())
