"""The message that tells of the end of a job that somebody waits for."""

from collections.abc import Mapping
from uuid import UUID

from common.envelope import Message, message
from common.events.contacts import BulkActionDone, ImportDone, JobMessage
from common.ids import named_ids
from common.topics import JOBS
from contacts.jobs.job import Job

_TOLD: Mapping[str, type[ImportDone | BulkActionDone]] = {"import": ImportDone, "bulkAction": BulkActionDone}
"""By kind of job; of the others nobody outside hears."""

_id = named_ids(UUID("5b0c7f4e-9f7d-4c38-8d8e-0d0f2b1c6a11"))


def ended(job: Job, trace: Mapping[str, str]) -> Message | None:
    """What is told of a job, once it has ended; it holds no name and no text of a contact."""
    kind = _TOLD.get(job.kind)
    if kind is None or job.in_work or job.ended_at is None:
        return None
    event = kind.of({
        "type": kind.__struct_config__.tag, "jobId": str(job.id), "requestedBy": job.undone_by or job.requested_by,
        "at": job.ended_at, "status": job.status, "total": job.total, "counts": job.counts, "problem": job.problem,
    })  # fmt: skip
    return message(
        JOBS, channel=job.channel, subject=str(job.id), source="contacts", type=event.type,
        id=_id(f"{job.channel}/{job.id}/{job.version}"), version=job.version, at=job.ended_at,
        value=JobMessage(event=event, version=job.version).encode(), trace=trace,
    )  # fmt: skip
