"""Who is defended during a roll-out: a share of the clients, steadily, and nobody can tell which without the key."""

from hypothesis import given
from hypothesis import strategies as st

from sentinel import Request
from strategist.sampling import sampled

texts = st.text(min_size=1).filter(str.strip)
shares = st.floats(0.0, 1.0)


def request(query="a question", client=None, tenant=None):
    return Request(query, client_id=client, tenant=tenant, time=0.0)


@given(texts, texts, texts, shares, st.none() | st.binary(max_size=80))
def test_a_client_is_treated_steadily(one, other, client, share, key):
    assert sampled(request(one, client), share, key) is sampled(request(other, client), share, key)


@given(texts, st.none() | texts, shares, shares)
def test_a_larger_share_keeps_who_was_in_it(query, client, one, other):
    small, large = sorted((one, other))
    if sampled(request(query, client), small):
        assert sampled(request(query, client), large)


@given(texts, st.none() | texts)
def test_nobody_and_everybody(query, client):
    assert not sampled(request(query, client), 0.0)
    assert sampled(request(query, client), 1.0)


def test_the_share_is_kept():
    for key in (None, b"secret"):
        for made in (lambda i: request(client=f"c{i}"), lambda i: request(f"question {i}")):
            assert 460 < sum(sampled(made(i), 0.25, key) for i in range(2000)) < 540


def test_the_key_decides_and_tenants_are_apart():
    clients = [request(client=f"c{i}") for i in range(400)]
    chosen = [[sampled(r, 0.5, key) for r in clients] for key in (None, b"a", b"b")]
    assert chosen[0] != chosen[1] != chosen[2] != chosen[0]
    assert chosen[0] != [sampled(request(client=r.client_id, tenant="t"), 0.5) for r in clients]
    assert chosen[0] != [sampled(request(r.client_id), 0.5) for r in clients]  # a query of the same words
