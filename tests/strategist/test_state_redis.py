"""State in Redis, on a real server: the suite, then one that dies, hangs, is full, guarded or part of a cluster."""

from __future__ import annotations

import itertools
import signal
import threading
import time

import pytest
import redis

from defenses import Charge
from sentinel import ComponentError, ConfigurationError
from strategist.state import open_state
from strategist.state.base import HISTORY_KEPT_S
from strategist.state.redis import GRACE_MS, TRIES, RedisServer, address, redis_state
from tests.strategist.redis_server import needs_redis, redis_server
from tests.strategist.state_suite import START, SharedSuite, seen

pytestmark = needs_redis
ONE = [Charge("client 17", 100, 10.0)]
_databases = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis"), "--databases", "10000") as started:
        yield started


@pytest.fixture
def url(server):
    return server.url(next(_databases))


class TestRedis(SharedSuite):
    """A place is a database of the one server."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    def place(self):
        return next(_databases)

    def opened(self, place, clock):
        return redis_state(self.url(place), clock=clock, timeout_s=10.0)

    def url(self, place):
        return self.server.url(place)


def everything(url):
    """Every key of a database, with the milliseconds that it has left."""
    with redis.Redis.from_url(url) as client:
        return {key: client.pttl(key) for key in client.scan_iter()}


def test_nothing_is_kept_for_ever_and_no_client_id_is_written(url):
    with open_state(url) as state:
        state.ledger.spend([*ONE, Charge("other", 9, 20.0, member="document 4")], 0.0)
        state.history.record("client 17", seen(), 0.0)
        state.trust.record("client 17", 1.0, 0.0)
        kept = everything(url)
        assert len(kept) == 4
        assert all(0 < left <= 3 * HISTORY_KEPT_S * 1e3 for left in kept.values())
        budgets = sorted(left for key, left in kept.items() if b"budget" in key)
        assert budgets == pytest.approx([10_000 + GRACE_MS, 20_000 + GRACE_MS], abs=5_000)
        state.ledger.fits([Charge("only asked", 9, 10.0)], 0.0)
        state.ledger.spend([Charge("refused", 0, 10.0)], 0.0)
        assert everything(url).keys() == kept.keys()
        with redis.Redis.from_url(url) as client:
            told = repr([(key, client.dump(key)) for key in kept])
        assert "client 17" not in told
        assert "document 4" not in told


def test_a_state_without_an_injected_clock_goes_by_the_servers(url):
    with open_state(url) as state, redis.Redis.from_url(url) as client:
        before = client.time()
        state.trust.record("k", 1.0, now=-1e9)
        told = state.trust.load("k", now=1e12).time
        after = client.time()
        assert before[0] + before[1] / 1e6 <= told <= after[0] + after[1] / 1e6
        assert state.ledger.spend([Charge("a", 1, 3600.0)], -1e9) is None
        assert state.ledger.spend([Charge("a", 1, 3600.0)], 1e12) is not None


def test_two_prefixes_share_nothing(url):
    with redis_state(url, prefix="one") as one, redis_state(url, prefix="two") as two:
        assert one.ledger.spend([Charge("a", 1, 10.0)], 0.0) is None
        assert two.ledger.spend([Charge("a", 1, 10.0)], 0.0) is None
        assert one.ledger.spend([Charge("a", 1, 10.0)], 0.0) is not None
    for wrong in ("", "{a}", "a\n"):
        with pytest.raises(ConfigurationError, match="prefix"):
            redis_state(url, prefix=wrong)
    with pytest.raises(ConfigurationError, match="timeout"):
        redis_state(url, timeout_s=0.0)


def test_scripts_that_the_server_forgot_are_sent_again(url):
    with open_state(url) as state, redis.Redis.from_url(url) as client:
        state.ledger.spend(ONE, 0.0)
        client.script_flush()
        assert state.ledger.spend(ONE, 0.0) is None
        assert state.ledger.peek("client 17", 10.0, 0.0) == 2


def test_windows_of_any_length(url):
    with open_state(url) as state:
        for window in (1e-9, 1e-3, 1e9, 1e300):
            assert state.ledger.spend([Charge(f"{window}", 1, window)], 0.0) is None
        assert state.ledger.fits([Charge("1e+300", 1, 1e300)], 0.0) is not None


def test_a_server_that_was_killed_is_said_and_one_that_is_back_is_used(tmp_path):
    with redis_server(tmp_path) as first:
        state = open_state(first.url())
        assert state.ledger.spend(ONE, 0.0) is None
    for step in (
        lambda: state.ledger.spend(ONE, 0.0),
        lambda: state.ledger.fits(ONE, 0.0),
        lambda: state.ledger.peek("client 17", 10.0, 0.0),
        lambda: state.history.load("k", 0.0),
        lambda: state.history.record("k", seen(), 0.0),
        lambda: state.trust.load("k", 0.0),
        lambda: state.trust.record("k", 1.0, 0.0),
    ):
        with pytest.raises(ComponentError, match="redis"):
            step()
    with pytest.raises(ComponentError, match="redis"):
        open_state(first.url())
    open_state(first.url(), check=False).close()
    with redis_server(tmp_path, port=first.port):
        assert state.ledger.spend(ONE, 0.0) is None
        state.close()


def test_a_server_killed_in_the_middle_of_many_threads_never_overspends(tmp_path):
    """What threads were told they got stands in the log that the server reads when it is back."""
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    charge = [Charge("a", 1_000_000, 3600.0)]
    granted, failed = [], []
    with redis_server(tmp_path, *durable) as first:
        state = open_state(first.url())

        def work():
            while not failed:
                try:
                    granted.append(state.ledger.spend(charge, 0.0))
                except ComponentError:
                    failed.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(granted) < 200:
            time.sleep(0.01)
        first.process.kill()
        for thread in threads:
            thread.join()
    with redis_server(tmp_path, *durable, port=first.port):
        spent = state.ledger.peek("a", 3600.0, 0.0)
        state.close()
    assert granted == [None] * len(granted)
    assert len(granted) <= spent <= len(granted) + len(threads), "one step a thread may have been done and not told"


def test_a_server_that_hangs_is_waited_for_no_longer_than_the_timeout(tmp_path):
    with redis_server(tmp_path) as stopped, redis_state(stopped.url(), timeout_s=0.2) as state:
        assert state.ledger.spend(ONE, 0.0) is None
        stopped.process.send_signal(signal.SIGSTOP)
        with pytest.raises(ComponentError, match="Timeout"):
            state.ledger.fits(ONE, 0.0)
        stopped.process.send_signal(signal.SIGCONT)
        assert state.ledger.peek("client 17", 10.0, 0.0) == 1


def test_a_full_server_is_said_and_spends_nothing(tmp_path):
    with redis_server(tmp_path) as full, open_state(full.url()) as state, redis.Redis.from_url(full.url()) as client:
        assert state.ledger.spend(ONE, 0.0) is None
        client.config_set("maxmemory", 1)
        for step in (lambda: state.ledger.spend(ONE, 0.0), lambda: state.history.record("k", seen(), 0.0)):
            with pytest.raises(ComponentError, match="OutOfMemory"):
                step()
        client.config_set("maxmemory", 0)
        assert state.ledger.peek("client 17", 10.0, 0.0) == 1


def test_a_server_that_evicts_is_warned_of(tmp_path):
    options = ("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    with redis_server(tmp_path, *options) as evicting, pytest.warns(RuntimeWarning, match="allkeys-lru"):
        open_state(evicting.url()).close()


def test_a_password_is_shown_nowhere(tmp_path):
    with redis_server(tmp_path, "--requirepass", "s3cr/#t") as guarded:
        state = open_state(guarded.url(password="s3cr%2F%23t"))
        assert state.ledger.spend(ONE, 0.0) is None
        shown = [repr(state), repr(state.ledger.server), state.name]
        with pytest.raises(ComponentError) as wrong:
            open_state(guarded.url(password="s3cr-other"))
        with pytest.raises(ConfigurationError) as unquoted:
            open_state(guarded.url(password="s3cr/#t"))
    with pytest.raises(ComponentError) as gone:
        state.ledger.spend(ONE, 0.0)
    shown += [str(caught.value) for caught in (wrong, unquoted, gone)]
    assert unquoted.value.__cause__ is None
    assert not [text for text in shown if "s3cr" in text]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host", "redis://host:6379/0"),
        ("rediss://user:s3cret@host:7000/3?ssl_cert_reqs=required", "rediss://host:7000/3"),
        ("redis://:s3cret@[::1]:7000/", "redis://[::1]:7000/0"),
    ],
)
def test_what_is_shown_of_an_address(url, shown):
    assert address(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        *("redis://:12/s3@host", "redis://:s3?x@host", "redis://:12?s3@host", "redis://:1#s3@host"),
        *("redis://user:s3/x@host", "redis://user:12/s3@host", "redis://user:12?s3@host", "redis://user:12#s3@host"),
    ],
)
def test_an_address_whose_password_is_not_encoded_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        open_state(url)
    assert "s3" not in str(caught.value)


def test_no_step_is_tried_again_by_itself(url):
    """A spending that timed out may have been done: tried again, it would be charged twice."""
    connection = RedisServer(url).client.connection_pool.make_connection()
    tries = []

    def fail():
        tries.append(1)
        raise redis.TimeoutError

    with pytest.raises(redis.TimeoutError):
        connection.retry.call_with_retry(fail, lambda error: None)
    assert len(tries) == 1


def test_tls_checks_the_certificate():
    server = RedisServer("rediss://host")
    assert server.client.connection_pool.connection_class is redis.SSLConnection
    connection = server.client.connection_pool.make_connection()
    assert connection.cert_reqs.name == "CERT_REQUIRED"
    assert connection.check_hostname
    assert connection.socket_timeout == connection.socket_connect_timeout == 1.0


def test_a_client_of_the_users_own(url):
    with redis.Redis.from_url(url) as client:
        with redis_state(client) as state:
            assert state.ledger.spend(ONE, 0.0) is None
        assert client.ping(), "it was not ours to close"
    with redis.Redis.from_url(url, decode_responses=True) as client, pytest.raises(ConfigurationError, match="decode"):
        redis_state(client)


def test_a_record_that_always_comes_too_late_gives_up(url):
    with redis_state(url) as state:
        cells, calls = state.ledger.server, []

        def slow(raw, now):
            calls.append(raw)
            cells._ask(cells._change, [cells._cell("x", "k")], [raw or b"", b"%d" % len(calls), 10_000])
            return b"never"

        with pytest.raises(ComponentError, match=f"faster {TRIES} times"):
            cells.change("x", "k", slow, 10.0)
        assert len(calls) == TRIES
        assert cells.read("x", "k")[0] == b"%d" % TRIES


def test_cells_that_hold_something_else_are_never_read_as_empty(url):
    with open_state(url) as state, redis.Redis.from_url(url) as client:
        state.history.record("k", seen(), 0.0)
        state.trust.record("k", 1.0, 0.0)
        for key in client.scan_iter():
            client.set(key, b"something else")
        for step in (
            lambda: state.history.load("k", 0.0),
            lambda: state.history.record("k", seen(), 0.0),
            lambda: state.trust.load("k", 0.0),
            lambda: state.trust.record("k", 0.0, 0.0),
        ):
            with pytest.raises(ComponentError, match="the store holds"):
                step()
        state.ledger.spend(ONE, 0.0)
        for key in client.scan_iter("*budget*"):
            client.set(key, "x")
        with pytest.raises(ComponentError, match="WRONGTYPE"):
            state.ledger.spend(ONE, 0.0)


@pytest.mark.parametrize("kind", [redis.Redis, redis.RedisCluster])
def test_spending_is_atomic_on_a_cluster(tmp_path, kind):
    """A node that holds all slots refuses a script whose keys lie in two of them, as every cluster does."""
    with redis_server(tmp_path, "--cluster-enabled", "yes") as node:
        with redis.Redis.from_url(node.url()) as one:
            one.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            while one.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                time.sleep(0.05)
            with pytest.raises(redis.ResponseError, match="same slot"):
                one.eval("return 1", 2, "a", "b")
        with kind(host="127.0.0.1", port=node.port) as client:
            state = redis_state(client)
            charges = [Charge("a", 1, 10.0), Charge("b", 2, 10.0), Charge("c", 3, 10.0, member="m")]
            assert state.ledger.spend(charges, START) is None
            assert state.ledger.spend(charges, START) == charges[0]
            state.history.record("k", seen(), START)
            state.trust.record("k", 1.0, START)
            assert state.history.load("k", START).requests == pytest.approx(1, rel=1e-3)
