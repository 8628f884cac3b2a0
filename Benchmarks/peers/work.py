"""What each contender does for a call: POST, read the answer, store its codes.

It uses the fastest libraries for Python: aiohttp, orjson, and asyncpg with one binary COPY of all
codes of an answer. The codes go into codemint's own table, with its indexes.
"""

import contextlib
import os
import sys
import uuid
from datetime import datetime

import aiohttp
import asyncpg
import orjson

IN_FLIGHT = 4
CODES = [
    "id", "job_id", "call_id", "reward_id", "code", "status", "sync_status", "external_ids",
    "created_at", "expires_at", "updated_at", "synced_at",
]


def database_url():
    return os.environ["PEER_DATABASE_URL"]


class Issuer:
    """Requests codes from the API and stores them in the database."""

    def __init__(self, session, pool):
        self.session = session
        self.pool = pool
        self.api = os.environ["PEER_API_URL"]

    async def ask(self, job, reward, count, prefix):
        """The rows of one answer."""
        body = {"count": count}
        if prefix:
            body["prefix"] = prefix
        url = f"{self.api}/v1/rewards/{reward}/codes/generate"
        async with self.session.post(url, json=body) as answer:
            answer.raise_for_status()
            return records(job, orjson.loads(await answer.read())["codes"])

    async def issue(self, job, reward, count, prefix):
        rows = await self.ask(job, reward, count, prefix)
        async with self.pool.acquire() as connection:
            await store(connection, rows)


def records(job, codes):
    call = uuid.uuid4()
    rows = []
    for code in codes:
        systems = code["externalIds"]
        status = worst(systems)
        updated = moment(code["updatedAt"])
        rows.append((
            code["id"], job, call, code["rewardId"], code["code"], code["status"], status,
            orjson.dumps(systems).decode(), moment(code["createdAt"]), moment(code["expiresAt"]),
            updated, updated if status == "synced" else None))
    return rows


def worst(systems):
    words = {system.get("syncStatus") for system in systems.values()}
    if not words:
        return "none"
    if "error" in words:
        return "error"
    return "synced" if words == {"synced"} else "pending"


def moment(text):
    return datetime.fromisoformat(text) if text else None


async def store(connection, rows):
    await connection.copy_records_to_table(
        "codes", schema_name="codemint", columns=CODES, records=rows)


@contextlib.asynccontextmanager
async def issuer():
    async with aiohttp.ClientSession(headers={"X-API-Key": "peers"}) as session:
        async with asyncpg.create_pool(
                database_url(), min_size=IN_FLIGHT, max_size=IN_FLIGHT) as pool:
            yield Issuer(session, pool)


def wait_for_start():
    """Prints that the worker is ready, and waits for the command to begin."""
    print("ready", flush=True)
    sys.stdin.readline()


def say_done():
    """Prints that the last code is stored, and waits until the measurement is taken."""
    print("done", flush=True)
    sys.stdin.readline()
