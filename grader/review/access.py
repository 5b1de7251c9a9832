"""Who is asking, and whether the request comes from our own pages: links, cookies, Host, Origin, CSRF.

A link holds its TA's secret. Opening it sets a cookie and leads on, so that the secret stays in no address
bar and no history. All secrets are HMACs under a key of this machine's user, so links and cookies outlive the
server, and ``--new-links`` ends them by choosing another salt.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from grader.errors import UsageError
from grader.review.team import TA

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# No inline script, no eval, nothing from elsewhere. Style attributes are allowed for the widths and line
# numbers that our own templates write; style elements are not.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # without any, browsers send no Origin with forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
# A report holds a student's words and pictures: no script runs in it, and it has no origin.
REPORT_HEADERS = {
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
}


class Refused(Exception):
    """A request that is not answered; ``status`` is the HTTP status."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Access:
    """Checks every request.

    Args:
        secret: the key that links, cookies and CSRF tokens are made with.
        port: where the server listens.
        proxy: the public address, such as ``https://review.example.edu``, if a proxy stands before it.
    """

    def __init__(self, secret: bytes, team: tuple[TA, ...], port: int, proxy: str | None = None) -> None:
        self._secret = secret
        self.is_secure = proxy is not None
        origins = [proxy] if proxy else [f"http://{host}:{port}" for host in _LOOPBACK]
        self.origins = tuple(origins)
        self._hosts = {urlsplit(origin).netloc for origin in origins}
        self.cookie = "__Host-grade-review" if proxy else f"grade-review-{port}"
        self._by_link = {self._token("link", ta): ta for ta in team}
        self._once: dict[str, TA] = {}
        self._by_session = {self._token("session", ta): ta for ta in team}

    def _token(self, purpose: str, ta: TA) -> str:
        text = f"{purpose}\0{ta.role}\0{ta.name}"
        return hmac.digest(self._secret, text.encode(), hashlib.sha256).hex()[:40]

    def link(self, ta: TA) -> str:
        """Return the path, with its query, of a TA's own link."""
        return f"/enter?token={self._token('link', ta)}"

    def link_once(self, ta: TA) -> str:
        """Return the path of a link that opens the pages once: others can read the arguments of a browser."""
        token = secrets.token_hex(20)
        self._once[token] = ta
        return f"/enter?token={token}"

    def session(self, ta: TA) -> str:
        """Return the value of a TA's cookie."""
        return self._token("session", ta)

    def form_token(self, ta: TA) -> str:
        """Return the token that every form of a TA's pages carries."""
        return self._token("form", ta)

    def by_link(self, token: str) -> TA | None:
        """Return whose link has this token."""
        return self._by_link.get(token) or self._once.pop(token, None)

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse names that are not ours, or a page elsewhere could reach us under a name of its own."""
        if headers.get("host", "") not in self._hosts:
            raise Refused(
                421, "This address is not one of the review pages'; open the link that was printed."
            )

    def who(self, cookies: Mapping[str, str]) -> TA:
        """Return who asks."""
        ta = self._by_session.get(cookies.get(self.cookie, ""))
        if ta is None:
            raise Refused(403, "Open the link that grade review printed for you; it opens these pages.")
        return ta

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Refuse a change that another site's page asks for."""
        if headers.get("origin") not in self.origins:
            raise Refused(403, "This did not come from the review pages; nothing was changed.")

    def check_form(self, ta: TA, token: object) -> None:
        """Refuse a form that is not from a page made for this TA."""
        if not hmac.compare_digest(str(token).encode(), self.form_token(ta).encode()):
            raise Refused(403, "This form is out of date; reload the page. Nothing was changed.")


def proxy_origin(text: str) -> str:
    """Return the origin of the public address.

    Raises:
        UsageError: it is no https address.
    """
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.netloc or parts.path.strip("/") or parts.query:
        raise UsageError(
            f"--behind-proxy needs the public address, such as https://review.example.edu, not {text!r}"
        )
    return f"https://{parts.netloc}"
