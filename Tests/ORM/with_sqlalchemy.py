"""What docs/sql.md says of SQLAlchemy, tried with a producer's login (scripts/orm-test)."""

import time
import uuid
from datetime import datetime

from sqlalchemy import create_engine, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Job(Base):
    """What a producer writes. Everything else of a job is in `JobStatus`."""

    __tablename__ = "jobs"
    __table_args__ = {"schema": "codemint"}

    id: Mapped[int] = mapped_column(primary_key=True)
    reward_id: Mapped[uuid.UUID]
    count: Mapped[int]
    prefix: Mapped[str | None]
    priority: Mapped[int | None]
    run_at: Mapped[datetime | None]
    dedupe_key: Mapped[str | None]
    # None is to be NULL, and not the JSON value null.
    metadata_: Mapped[dict | None] = mapped_column("metadata", JSONB(none_as_null=True))


class JobStatus(Base):
    """A job as its producer sees it. A view: only for reading."""

    __tablename__ = "my_jobs"
    __table_args__ = {"schema": "codemint"}

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    issued: Mapped[int]
    count: Mapped[int]
    dedupe_key: Mapped[str | None]
    error_code: Mapped[str | None]


class Code(Base):
    """A code of one of the producer's jobs. A view: only for reading."""

    __tablename__ = "my_codes"
    __table_args__ = {"schema": "codemint"}

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    job_id: Mapped[int]
    code: Mapped[str]


REWARD = uuid.uuid4()
engine = create_engine("postgresql+psycopg://")

with Session(engine) as session:
    job = Job(reward_id=REWARD, count=700, prefix="ORM", dedupe_key="spring", metadata_={"campaign": 7})
    session.add(job)
    session.flush()
    # Now: after a commit SQLAlchemy would select all columns again, and a producer may not read them.
    number = job.id
    session.commit()

    # The same key again: no error, no row.
    again = session.scalar(
        insert(Job)
        .values(reward_id=REWARD, count=700, dedupe_key="spring")
        .on_conflict_do_nothing()
        .returning(Job.id)
    )
    assert again is None, again
    first = session.scalar(select(JobStatus.id).where(JobStatus.dedupe_key == "spring"))
    assert first == number, (first, number)
    session.commit()

    # Many at once, with one statement.
    numbers = session.scalars(
        insert(Job).returning(Job.id),
        [{"reward_id": REWARD, "count": 10, "dedupe_key": f"batch-{n}"} for n in range(50)],
    ).all()
    session.commit()
    assert len(numbers) == 50

    deadline = time.monotonic() + 120
    ended = ("completed", "failed", "cancelled")
    batch = [number, *numbers]
    while session.scalar(
        select(func.count()).where(JobStatus.id.in_(batch), JobStatus.state.not_in(ended))
    ):
        session.rollback()
        assert time.monotonic() < deadline, "the jobs did not end"
        time.sleep(0.2)
    states = set(session.scalars(select(JobStatus.state).where(JobStatus.id.in_(batch))))
    assert states == {"completed"}, states
    codes = session.scalars(select(Code.code).where(Code.job_id == number)).all()
    assert len(codes) == 700 and all(code.startswith("ORM") for code in codes)
    session.rollback()

    def refused(statement, kind, state):
        try:
            session.execute(statement)
        except kind as error:
            assert error.orig.sqlstate == state, error.orig.sqlstate
            session.rollback()
            return
        raise AssertionError(f"{statement} was not refused")

    refused(insert(Job).values(reward_id=REWARD, count=0), IntegrityError, "23514")
    refused(insert(Job).values(reward_id=REWARD, count=1, dedupe_key="spring"), IntegrityError, "23505")
    refused(insert(Job).values(id=1, reward_id=REWARD, count=1), ProgrammingError, "428C9")
    refused(select(Job.count), ProgrammingError, "42501")
    # A target that is named has to be read, and a producer may not read it.
    refused(
        insert(Job)
        .values(reward_id=REWARD, count=1, dedupe_key="spring")
        .on_conflict_do_nothing(index_elements=["created_by", "dedupe_key"]),
        ProgrammingError,
        "42501",
    )

print("SQLAlchemy does what docs/sql.md says.")
