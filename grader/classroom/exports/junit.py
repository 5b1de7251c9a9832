"""JUnit XML, for CI servers: a test suite for each student, a test case for each criterion."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as Xml

from grader.classroom.exports.common import Export, ExportRequest
from grader.classroom.storage.gradebook import GradebookEntry
from grader.model import CriterionResult, Verdict
from grader.report.summary import score
from grader.text import clean

_OUTCOME = {
    Verdict.FAIL: "failure",
    Verdict.ERROR: "error",
    Verdict.BLOCKED: "skipped",
    Verdict.OPEN: "skipped",
}
# Characters that XML 1.0 cannot hold, even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export(request: ExportRequest) -> Export:
    """Return the class as JUnit XML: FAIL is a failure, ERROR an error, BLOCKED and OPEN a skipped case."""
    root = Xml.Element("testsuites", name=_text(request.title))
    totals: Counter[str] = Counter()
    for entry in request.entries:
        if entry.grade:
            totals.update(_suite(root, entry))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(totals[name]))
    root.set("time", f"{totals['milliseconds'] / 1000:.3f}")
    Xml.indent(root)
    return Export(data=Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _suite(root: Xml.Element, entry: GradebookEntry) -> Counter[str]:
    assert entry.grade is not None
    criteria = entry.grade.criteria
    verdicts = Counter(result.verdict for result in criteria)
    counts: Counter[str] = Counter(
        tests=len(criteria),
        failures=verdicts[Verdict.FAIL],
        errors=verdicts[Verdict.ERROR],
        skipped=verdicts[Verdict.BLOCKED] + verdicts[Verdict.OPEN],
    )
    seconds = sum(result.seconds for result in criteria)
    suite = Xml.SubElement(root, "testsuite", name=_text(entry.person.key), time=f"{seconds:.3f}")
    for name, count in counts.items():
        suite.set(name, str(count))
    properties = Xml.SubElement(suite, "properties")
    final = "none" if entry.mark.final is None else score(entry.mark.final, entry.mark.possible)
    for name, value in (("student", entry.person.name), ("points", final)):
        Xml.SubElement(properties, "property", name=name, value=_text(value))
    for result in criteria:
        _case(suite, entry.person.key, result)
    counts["milliseconds"] = round(1000 * seconds)  # an integer, to add up with the other counts
    return counts


def _case(suite: Xml.Element, student: str, result: CriterionResult) -> None:
    case = Xml.SubElement(
        suite, "testcase", classname=_text(student), name=_text(result.id), time=f"{result.seconds:.3f}"
    )
    if outcome := _OUTCOME.get(result.verdict):
        element = Xml.SubElement(case, outcome, message=_text(result.message))
        if outcome != "skipped":
            element.set("type", result.verdict.value)
        facts = (("expected", result.expected), ("found", result.actual), ("hint", result.hint))
        element.text = "\n".join(
            [_text(f"{score(result.earned, result.possible)} points: {result.title}")]
            + [_text(f"{label}: {value}") for label, value in facts if value]
        )


def _text(value: object) -> str:
    return _ILLEGAL.sub("", clean(value))
