"""A worker on procrastinate, as in its documentation: a task, and a job for each call."""

import asyncio

import procrastinate

import work

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=work.database_url()))


async def main():
    async with work.issuer() as issuer, app.open_async():

        @app.task(name="issue")
        async def issue(job, reward, count, prefix):
            await issuer.issue(job, reward, count, prefix)

        work.wait_for_start()
        await app.run_worker_async(concurrency=work.IN_FLIGHT, wait=False)
        work.say_done()


asyncio.run(main())
