"""Exports from the release page: what would change is shown first, then the file is a click away."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass, replace

from starlette.datastructures import UploadFile
from starlette.responses import Response

from grader.classroom.exports.archive import zip_bytes
from grader.classroom.exports.formats import FORMATS, exporter, request_for
from grader.errors import UsageError
from grader.review.app import Call, act, show
from grader.review.pages.uploads import uploaded

_SPOKEN = {  # what the form calls the options of the command
    "pass it with --theirs": "choose it in “Gradebook or worksheet to fill in”",
    "--theirs": "“Gradebook or worksheet to fill in”",
    "--assignment": "“Title of the homework there”",
    "--with-provisional": "“provisional grades, too”",
    "--confirm-names": "“matches by name, too”",
    "--scale": "“scale to their maximum”",
}
_KEPT = 3  # exports that are kept for download
_SHOWN = 300  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An export that its TA has seen and may download."""

    who: str
    file: str
    data: bytes


def prepare(call: Call) -> Response:
    """Make an export, and show what it changes and what it leaves out."""
    if not call.ta.is_head:
        return call.sorry(403, "Only a head TA may export grades.")
    if call.book.preference(call.ta.name, "hide names"):
        return call.sorry(409, "An export shows names; choose “Show names” first.")
    name = call.text("format")
    if name not in FORMATS:
        raise UsageError("choose a format")
    request = replace(
        request_for(name, call.book, call.review.out),
        assignment=call.text("assignment").strip() or None,
        with_provisional=bool(call.text("provisional")),
        confirm_names=bool(call.text("names")),
        scale=bool(call.text("scale")) and not (FORMATS[name].is_own or FORMATS[name].has_editions),
    )
    with ExitStack() as stack:
        if FORMATS[name].fills_in and _is_chosen(call):
            request = replace(request, theirs=stack.enter_context(uploaded(call, "theirs")))
        try:
            exported = exporter(name)(request)
        except UsageError as error:
            raise UsageError(_in_words_of_the_form(str(error))) from error
    data = exported.data if exported.files is None else zip_bytes(exported.files)
    token = secrets.token_urlsafe(16)
    kept = call.review.exports
    kept[token] = Prepared(who=call.ta.name, file=FORMATS[name].file, data=data)
    for old in list(kept)[:-_KEPT]:
        del kept[old]
    changing = [change for change in exported.changes if change.is_one]
    return call.page(
        "export.html.j2",
        title=FORMATS[name].title,
        file=FORMATS[name].file,
        megabytes=len(data) / 1e6,
        address=f"/export/{token}",
        changes=changing[:_SHOWN],
        more=len(changing) - len(changing[:_SHOWN]),
        unchanged=len(exported.changes) - len(changing),
        has_old=any(change.old is not None for change in exported.changes),
        warnings=[_in_words_of_the_form(each) for each in exported.warnings],
    )


def _in_words_of_the_form(sentence: str) -> str:
    for option, label in _SPOKEN.items():
        sentence = sentence.replace(option, label)
    return sentence


def _is_chosen(call: Call) -> bool:
    file = call.form.get("theirs")
    return isinstance(file, UploadFile) and bool(file.filename)


def download(call: Call) -> Response:
    """Return an export that was shown to this TA."""
    found = call.review.exports.get(call.path["token"])
    if found is None or found.who != call.ta.name:
        return call.sorry(404, "This export is not kept any more; make it again.")
    headers = {"content-disposition": f'attachment; filename="{found.file}"'}
    return Response(found.data, media_type="application/octet-stream", headers=headers)


ROUTES = (act("/export", prepare), show("/export/{token}", download))
