"""Long work and how far it is. The page loads itself anew while there is something to wait for."""

import uuid
from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from widgets import jobs
from widgets.audit import Actor
from widgets.models import Editor, JobState
from widgets.web import service
from widgets.web.console.door import Screen, noted

screen = Screen("jobs", __name__, url_prefix="/admin/jobs")


@screen.get("/<uuid:job_id>")
def progress(editor: Editor, job_id: uuid.UUID) -> Response:
    with service().database.reading() as session:
        job = jobs.get(session, job_id)
    if job is None:
        abort(404)
    html = render_template("console/job.html", job=job, waits=job.state == JobState.WAITING)
    return make_response(html)


@screen.post("/<uuid:job_id>/stop")
def stop(editor: Editor, job_id: uuid.UUID) -> AnyResponse:
    with service().database.writing() as session:
        stopped = jobs.stop(session, job_id, Actor.of(editor), datetime.now(UTC))
    said = "It is stopped. What was done stays done." if stopped else "It had ended already."
    return noted(said, url_for("jobs.progress", job_id=job_id))
