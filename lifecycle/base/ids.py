"""Stable hashes: the same contact falls into the same bucket on every machine, in every run, for ever."""

from __future__ import annotations

import hashlib
import hmac

#: How many buckets there are: 53 bits, so that a bucket is an exact float in [0, 1).
BUCKETS = 1 << 53


def bucket(key: str, salt: str) -> float:
    """Return a number in [0, 1) that depends on `key` and `salt` alone, spread evenly. Source: SHA-256."""
    return bucket_number(key, salt) / BUCKETS


def bucket_number(key: str, salt: str) -> int:
    """Return the bucket's number in [0, BUCKETS).

    SHA-256 because PostgreSQL has it too: conditions compute the same number there (audience.expressions.Bucket).
    """
    digest = hashlib.sha256(salt.encode() + b"\0" + key.encode()).digest()
    return int.from_bytes(digest[:7], "big") >> 3


def content_hash(*parts: str | bytes) -> str:
    """Return 32 hex digits that name the parts, each length-prefixed so that no two lists collide."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def keyed_hash(key: bytes, *parts: str, size: int = 16) -> str:
    """Return `size` bytes as hex that only the holder of `key` can compute; for Message-IDs and coupon codes."""
    digest = hashlib.blake2b(key=hashlib.blake2b(key, digest_size=64).digest(), digest_size=size)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def same(left: str | bytes, right: str | bytes) -> bool:
    """Compare in constant time."""
    first = left.encode() if isinstance(left, str) else left
    second = right.encode() if isinstance(right, str) else right
    return hmac.compare_digest(first, second)
