"""The script that one writes in an afternoon: take a job, request 500 codes at a time, store them.

It has no ledger, no rate limit and no lease. After a crash between the request and the COPY, it
requests the codes again.
"""

import asyncio

import asyncpg

import work

TAKE = """
    UPDATE plain_jobs SET state = 'running'
    WHERE id = (SELECT id FROM plain_jobs WHERE state = 'queued' ORDER BY id
                LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, reward_id, count, prefix
"""
NOTE = """
    UPDATE plain_jobs
    SET issued = issued + $2, state = CASE WHEN issued + $2 >= count THEN 'done' ELSE state END
    WHERE id = $1
"""


class Calls:
    """The next call, job after job."""

    def __init__(self, pool):
        self.pool = pool
        self.lock = asyncio.Lock()
        self.job = None
        self.rest = 0

    async def next(self):
        async with self.lock:
            if self.rest == 0:
                self.job = await self.pool.fetchrow(TAKE)
                if self.job is None:
                    return None
                self.rest = self.job["count"]
            size = min(self.rest, 500)
            self.rest -= size
            return self.job, size


async def lane(issuer, calls):
    while call := await calls.next():
        job, size = call
        rows = await issuer.ask(job["id"], job["reward_id"], size, job["prefix"])
        async with issuer.pool.acquire() as connection, connection.transaction():
            await work.store(connection, rows)
            await connection.execute(NOTE, job["id"], len(rows))


async def main():
    async with work.issuer() as issuer:
        work.wait_for_start()
        async with asyncpg.create_pool(work.database_url(), min_size=1, max_size=1) as pool:
            calls = Calls(pool)
            await asyncio.gather(*(lane(issuer, calls) for _ in range(work.IN_FLIGHT)))
        work.say_done()


asyncio.run(main())
