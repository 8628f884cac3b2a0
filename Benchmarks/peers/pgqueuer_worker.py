"""A worker on PgQueuer, as in its documentation: an entrypoint, and a job for each call."""

import asyncio

import asyncpg
import orjson
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

import work


async def main():
    async with work.issuer() as issuer:
        connection = await asyncpg.connect(work.database_url())
        pgq = PgQueuer(AsyncpgDriver(connection))

        @pgq.entrypoint("issue")
        async def issue(job: Job) -> None:
            await issuer.issue(**orjson.loads(job.payload))

        work.wait_for_start()
        # For four tasks in flight, it fetches at most two at a time.
        await pgq.qm.run(batch_size=work.IN_FLIGHT // 2, max_concurrent_tasks=work.IN_FLIGHT,
                         mode=QueueExecutionMode.drain)
        work.say_done()


asyncio.run(main())
