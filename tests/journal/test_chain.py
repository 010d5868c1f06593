"""A chain of links: what it commits to, and what it does not give away."""

from uuid import UUID

from app.journal import chain
from app.journal.chain import Head


def test_a_link_stands_on_the_one_before_and_on_its_content() -> None:
    head = Head(0, chain.GENESIS)

    first = chain.extend(head, b"one")
    second = chain.extend(head, b"two")

    assert (first.sequence, second.sequence) == (1, 2)
    assert second.previous_hash == first.hash
    assert head == Head(2, second.hash)
    assert second.commitment == chain.commit_to(second.salt, b"two")
    assert second.commitment != chain.commit_to(second.salt, b"twp")
    assert second.hash == chain.hash_link(first.hash, 2, second.commitment)


def test_equal_contents_have_different_commitments() -> None:
    head = Head(0, chain.GENESIS)

    assert chain.extend(head, b"same").commitment != chain.extend(head, b"same").commitment


def test_a_content_is_the_same_whatever_the_order_of_its_columns() -> None:
    some = {"record_id": UUID(int=7), "version": 1, "body": None}

    assert chain.content_of(some) == chain.content_of(dict(reversed(some.items())))
    assert chain.content_of(some) != chain.content_of(some | {"version": 2})
