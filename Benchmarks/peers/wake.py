"""The time from an INSERT to the request: codemint beside a plain script that listens.

Both wait for single jobs in the same database, and take turns, so that both meet the same machine.
docs/scheduling.md has the figures.
"""

import asyncio
import json
import random
import statistics
import sys
import time
import urllib.request

import asyncpg

from measuring import Process

# The first few jobs open connections and prepare statements.
WARM_UP = 5
LIMITS = {"CODEMINT_LIMITS_REQUESTS_PER_SECOND": "500", "CODEMINT_LIMITS_BURST": "20"}
KINDS = {
    "codemint": (
        "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "INSERT INTO codemint.jobs (reward_id, count) VALUES ($1, 10)"),
    "plain script": (
        "7e0f4c1b-52d3-4f0e-9b6a-0c2a3d1e5f60",
        "INSERT INTO plain_jobs (reward_id, count) VALUES ($1, 10)"),
}
PLAIN = """
    CREATE TABLE plain_jobs (id bigserial PRIMARY KEY, reward_id uuid NOT NULL,
      count integer NOT NULL, state text NOT NULL DEFAULT 'queued');
    CREATE INDEX ON plain_jobs (id) WHERE state = 'queued';
    CREATE FUNCTION plain_wake() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_notify('plain_jobs', ''); RETURN NULL; END $$;
    CREATE TRIGGER wake AFTER INSERT ON plain_jobs
      FOR EACH STATEMENT EXECUTE FUNCTION plain_wake();
"""


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def arrivals(api, reward):
    with urllib.request.urlopen(f"{api}/sandbox/requests") as answer:
        requests = json.load(answer)["generate"]
    return [request["arrived_ns"] for request in requests if request["reward"] == reward]


async def insert(owner, producer, jobs):
    """Inserts so many jobs of each kind in turn, and returns the times of the inserts."""
    done = asyncio.Event()
    for channel in ("codemint_job_done", "plain_done"):
        await owner.add_listener(channel, lambda *_: done.set())
    inserted = {kind: [] for kind in KINDS}
    for _ in range(jobs):
        for kind, (reward, statement) in KINDS.items():
            done.clear()
            await asyncio.sleep(random.uniform(0.03, 0.06))
            inserted[kind].append(now())
            await producer.execute(statement, reward)
            await asyncio.wait_for(done.wait(), 30)
    return inserted


async def compare(stage, script, jobs):
    """Returns the milliseconds of each job of each kind."""
    name, owner = await stage.database()
    await owner.execute(PLAIN)
    producer = await asyncpg.connect(stage.url(name))
    sandbox = Process.run(stage.codemint, "sandbox", "--port", "0", until="http", stream="stdout",
                          environment=stage.environment())
    async with sandbox as api:
        daemon = Process.run(
            stage.codemint, "run", until="listening for wakes", stream="stderr",
            environment=stage.environment(
                CODEMINT_DATABASE_URL=stage.url(name), CODEMINT_API_BASE_URL=api.line,
                CODEMINT_API_KEY="peers", CODEMINT_HTTP_LISTEN="", CODEMINT_LOG_LEVEL="debug",
                **LIMITS))
        plain = Process.run(
            sys.executable, script, until="ready", stream="stdout",
            environment=stage.environment(
                PEER_DATABASE_URL=stage.url(name), PEER_API_URL=api.line))
        async with daemon, plain:
            inserted = await insert(owner, producer, jobs + WARM_UP)
        figures = {
            kind: [(arrived - sent) / 1e6
                   for sent, arrived in zip(inserted[kind], arrivals(api.line, reward))][WARM_UP:]
            for kind, (reward, _) in KINDS.items()
        }
    await producer.close()
    await owner.close()
    return figures


def table(figures):
    jobs = len(figures["codemint"])
    print(f"\nINSERT to request, {jobs} single jobs, idle before each")
    print(f"{'':14} {'p50 ms':>8} {'p95 ms':>8}")
    for kind, values in figures.items():
        ordered = sorted(values)
        print(f"{kind:14} {statistics.median(ordered):8.2f} {ordered[int(jobs * 0.95)]:8.2f}")
