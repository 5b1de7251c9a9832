"""Enter one notebook by hand, as an attempt of a person in the gradebook."""

from __future__ import annotations

from pathlib import Path

from grader.classroom.batch import Batch
from grader.classroom.class_options import ClassOptions
from grader.classroom.pages.reports import STUDENT_FOLDER
from grader.classroom.people.enrolment import enrol
from grader.classroom.people.identity import Claim
from grader.classroom.people.lookup import find_student
from grader.classroom.people.students import Attempt, replace_surrogates
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.run_settings import mark_by
from grader.classroom.storage.store import batch_lock
from grader.extraction.local_modules import content_digest
from grader.files import check_writable, scratch_folder
from grader.options import Options
from grader.rubric import Rubric


def enter_attempt(
    path: Path, query: str, rubric: Rubric, options: Options, class_options: ClassOptions
) -> bool:
    """Grade one notebook as an attempt of the person that ``query`` names, and enter it into the gradebook.

    Returns:
        True if the grade is not provisional.

    Raises:
        UsageError: there is no gradebook, or nobody or several people are meant.
    """
    out = class_options.out
    check_writable(out / STUDENT_FOLDER)
    with scratch_folder(), batch_lock(out), Gradebook(out) as book:
        person = book.entry(find_student(book, query)).person
        mark_by(book, rubric)
        claim = Claim(name=person.name, identifiers=person.identifiers)
        attempt = Attempt(members=(claim,), path=path, label=replace_surrogates(path.name))
        enrolment = enrol(book, None, [attempt], {claim: person.record})
        digests = {attempt.label: content_digest(path)}
        batch = Batch(book, rubric, options, class_options, enrolment.students, digests, entered=True)
        try:
            batch.grade()
        finally:
            batch.finish()
        return not batch.is_provisional
