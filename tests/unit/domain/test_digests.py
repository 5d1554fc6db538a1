"""Digests computed while bytes pass."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.digests import DigestingCounter, Digests


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_however_the_bytes_are_cut_the_digests_are_those_of_the_whole(chunks: list[bytes]) -> None:
    """U28"""
    counter = DigestingCounter()
    for chunk in chunks:
        counter.update(chunk)
    whole = b"".join(chunks)
    assert counter.size == len(whole)
    assert counter.digests() == Digests(
        sha256=hashlib.sha256(whole).hexdigest(),
        blake2_256=hashlib.blake2b(whole, digest_size=32).hexdigest(),
        md5=hashlib.md5(whole, usedforsecurity=False).hexdigest(),
    )


def test_known_answers() -> None:
    """U27: blake2_256 is BLAKE2b of 32 bytes, not a longer one cut off."""
    counter = DigestingCounter()
    counter.update(b"abc")
    digests = counter.digests()
    assert digests.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digests.blake2_256 == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"
    assert digests.md5 == "900150983cd24fb0d6963f7d28e17f72"
