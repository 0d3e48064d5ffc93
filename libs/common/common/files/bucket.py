"""Where a bucket is, who one is there, and what is asked of it; what an operator has set, checked."""

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Encryption: TypeAlias = Literal["AES256", "aws:kms", "aws:kms:dsse"]
Checksum: TypeAlias = Literal["sha256", "md5"]

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/+(.*?))?/*")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of any S3. `prefix` is put before every name; it is empty or ends with a slash."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    encryption: Encryption | None = None
    kms_key_id: str | None = None
    checksum: Checksum = "sha256"
    path_style: bool = False


def read_address(address: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket` or `s3://bucket/prefix`. Raises ValueError."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError("must be the address of a bucket: s3://bucket or s3://bucket/prefix")
    return match[1], f"{match[2]}/" if match[2] else ""
