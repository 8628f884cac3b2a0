"""A plain script that listens for jobs: LISTEN, take a row, POST, mark it done.

It is what one writes in an afternoon. It has no ledger, no rate limit and no lease. After a crash
between the request and the UPDATE, it requests the codes again.
"""

import asyncio
import os

import aiohttp
import asyncpg

TAKE = """
    UPDATE plain_jobs SET state = 'running'
    WHERE id = (SELECT id FROM plain_jobs WHERE state = 'queued' ORDER BY id
                LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, reward_id, count
"""
DONE = "UPDATE plain_jobs SET state = 'done' WHERE id = $1"


async def main():
    url = os.environ["PEER_DATABASE_URL"]
    api = os.environ["PEER_API_URL"]
    woken = asyncio.Event()
    listener = await asyncpg.connect(url)
    worker = await asyncpg.connect(url)
    await listener.add_listener("plain_jobs", lambda *_: woken.set())
    async with aiohttp.ClientSession(headers={"X-API-Key": "plain"}) as session:
        print("ready", flush=True)
        while True:
            await woken.wait()
            woken.clear()
            while row := await worker.fetchrow(TAKE):
                path = f"{api}/v1/rewards/{row['reward_id']}/codes/generate"
                async with session.post(path, json={"count": row["count"]}) as answer:
                    await answer.read()
                await worker.execute(DONE, row["id"])
                await worker.execute("NOTIFY plain_done")


asyncio.run(main())
