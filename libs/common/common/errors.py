"""Every refusal a caller can meet, with its HTTP status and fixed code, so that one place renders them all."""

from collections.abc import Mapping
from http import HTTPStatus


class BadSettings(Exception):
    """A process cannot use what it was told; the text names settings, never what they were set to."""


class Problem(Exception):
    """A refusal as RFC 9457 describes it: `application/problem+json`.

    `detail` tells a person what to do and never repeats a submitted value. `pointer` is a JSON pointer into the body.
    `extra` are further members of the answer, JSON values by name.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.pointer = pointer
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self) -> dict[str, object]:
        """The members of the answer, ready for JSON."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
        }
        if self.pointer is not None:
            body["pointer"] = self.pointer
        return body | self.extra


class Unreadable(Problem):
    """The request cannot be read at all."""

    status = HTTPStatus.BAD_REQUEST
    code = "unreadable"


class Unauthorized(Problem):
    """No token, or one that is not accepted."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """The token is good but lacks the permission."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(Problem):
    """No such thing in the caller's channel."""

    status = HTTPStatus.NOT_FOUND
    code = "notFound"


class MethodNotAllowed(Problem):
    """The address is there, the method is not."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "methodNotAllowed"


class Conflict(Problem):
    """The request contradicts what is there."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class Gone(Problem):
    """It was there and is no more."""

    status = HTTPStatus.GONE
    code = "gone"


ANY_VERSION = -1
"""What `If-Match: *` expects: any version, as long as there is one."""


class StaleVersion(Problem):
    """Somebody changed the thing since the caller saw it; carries the current version and who changed it."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "staleVersion"

    def __init__(self, version: int, changed_by: str | None = None) -> None:
        super().__init__(
            "This was changed since you read it. Read it again and repeat your change on the current version.",
            headers={"ETag": f'"{version}"'},
            extra={"version": version, "changedBy": changed_by},
        )
        self.version = version


def check_expected(expected: int | None, version: int, changed_by: str | None = None) -> None:
    """Raises StaleVersion where the caller saw another version than the one that is there."""
    if expected not in (None, ANY_VERSION, version):
        raise StaleVersion(version, changed_by)


class StaleValue(Problem):
    """A value that the caller expected is another by now; carries what it is, who changed it and when (null: nobody ever did)."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "staleValue"

    def __init__(self, version: int, pointer: str, current: object, changed_by: str | None, changed_at: str | None) -> None:
        super().__init__(
            "This value was changed since you read it. Look at the current one and decide again.",
            pointer=pointer,
            headers={"ETag": f'"{version}"'},
            extra={"current": current, "changedBy": changed_by, "changedAt": changed_at},
        )


class TooLarge(Problem):
    """The body is over its limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "tooLarge"


class Unprocessable(Problem):
    """Understood, but wrong."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"


class WrongOrder(Unprocessable):
    """A time that ends before it begins."""

    code = "wrongOrder"

    def __init__(self) -> None:
        super().__init__("`to` is before `from`. Swap them.")


class TooManyRequests(Problem):
    """Too soon; says how long to wait, in whole seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "tooManyRequests"

    def __init__(
        self, detail: str, retry_after: int, *, code: str | None = None, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(
            detail,
            code=code,
            headers={"Retry-After": str(retry_after)},
            extra={"retryAfter": retry_after, **(extra or {})},
        )


class Unavailable(Problem):
    """A server behind this one does not answer, or has not caught up."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(
        self, detail: str, *, code: str | None = None, retry_after: int = 1, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after)}, extra=extra)
