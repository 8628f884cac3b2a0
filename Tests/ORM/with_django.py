"""What docs/sql.md says of Django, tried with a producer's login (scripts/orm-test)."""

import os
import time
import uuid

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "NAME": os.environ["PGDATABASE"],
        }
    },
    USE_TZ=True,
)
django.setup()

from django.db import IntegrityError, ProgrammingError, models  # noqa: E402


class Job(models.Model):
    """What a producer writes. Everything else of a job is in `JobStatus`."""

    id = models.BigAutoField(primary_key=True)
    reward_id = models.UUIDField()
    count = models.IntegerField()
    prefix = models.TextField(null=True)
    priority = models.IntegerField(null=True)
    run_at = models.DateTimeField(null=True)
    dedupe_key = models.TextField(null=True)
    metadata = models.JSONField(null=True)

    class Meta:
        app_label = "shop"
        managed = False
        # Django quotes the name, and the inner quotes make schema and table of it.
        db_table = '"codemint"."jobs"'


class JobStatus(models.Model):
    """A job as its producer sees it. A view: only for reading."""

    id = models.BigIntegerField(primary_key=True)
    state = models.TextField()
    issued = models.IntegerField()
    dedupe_key = models.TextField(null=True)

    class Meta:
        app_label = "shop"
        managed = False
        db_table = '"codemint"."my_jobs"'


class Code(models.Model):
    """A code of one of the producer's jobs. A view: only for reading."""

    id = models.UUIDField(primary_key=True)
    job_id = models.BigIntegerField()
    code = models.TextField()

    class Meta:
        app_label = "shop"
        managed = False
        db_table = '"codemint"."my_codes"'


reward = uuid.uuid4()
job = Job.objects.create(
    reward_id=reward, count=700, prefix="DJANGO", dedupe_key="summer", metadata={"campaign": 8}
)
assert job.id is not None

# The same key again: no error, and Django cannot tell what was there already.
Job.objects.bulk_create([Job(reward_id=reward, count=700, dedupe_key="summer")], ignore_conflicts=True)
assert JobStatus.objects.get(dedupe_key="summer").id == job.id

batch = Job.objects.bulk_create(
    [Job(reward_id=reward, count=10, dedupe_key=f"several-{n}") for n in range(50)]
)
numbers = [job.id] + [one.id for one in batch]
assert all(numbers)

deadline = time.monotonic() + 120
ended = ["completed", "failed", "cancelled"]
while JobStatus.objects.filter(id__in=numbers).exclude(state__in=ended).exists():
    assert time.monotonic() < deadline, "the jobs did not end"
    time.sleep(0.2)
states = set(JobStatus.objects.filter(id__in=numbers).values_list("state", flat=True))
assert states == {"completed"}, states
codes = Code.objects.filter(job_id=job.id).values_list("code", flat=True)
assert len(codes) == 700 and all(code.startswith("DJANGO") for code in codes)


def refused(attempt, kind, state):
    try:
        attempt()
    except kind as error:
        assert error.__cause__.sqlstate == state, error.__cause__.sqlstate
        return
    raise AssertionError(f"{state} did not come")


refused(lambda: Job.objects.create(reward_id=reward, count=0), IntegrityError, "23514")
refused(
    lambda: Job.objects.create(reward_id=reward, count=1, dedupe_key="summer"), IntegrityError, "23505"
)
refused(lambda: Job.objects.create(id=1, reward_id=reward, count=1), ProgrammingError, "428C9")
refused(lambda: Job.objects.get(id=job.id), ProgrammingError, "42501")
refused(
    lambda: Job.objects.get_or_create(dedupe_key="summer", defaults={"reward_id": reward, "count": 1}),
    ProgrammingError,
    "42501",
)
print("Django does what docs/sql.md says.")
