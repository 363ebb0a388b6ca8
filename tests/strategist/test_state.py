"""State in memory, and the URLs that states are opened by."""

import subprocess
import sys

import pytest

from sentinel import ConfigurationError
from strategist.state import MemoryTrust, memory_state, open_state
from tests.strategist.state_suite import StateSuite


class TestMemory(StateSuite):
    def place(self):
        return None

    def opened(self, place, clock):
        return open_state("memory:")


def test_every_memory_state_is_one_of_its_own():
    first, second = memory_state(), memory_state()
    first.trust.record("k", 1.0, 0.0)
    assert second.trust.load("k", 0.0).value == 0.5


def test_trust_is_kept_of_who_asked_last():
    trust = MemoryTrust(clients=2)
    for key in ("a", "b", "a", "c"):
        trust.record(key, 1.0, 0.0)
    assert len(trust) == 2
    assert [trust.load(key, 0.0).suspect for key in "abc"] == [2, 0, 1]
    with pytest.raises(ConfigurationError):
        MemoryTrust(0)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlte:///x", "did you mean 'sqlite'"),
        ("reddis://host", "did you mean 'redis'"),
        ("postgres://user:secret@host/db", "unknown scheme of a state URL 'postgres'"),
        ("memory", "begins with memory:"),
        ("", "begins with memory:"),
        ("memory:x", "write memory:"),
        ("sqlite:", "relative/file"),
        ("sqlite://x.db", "relative/file"),
        ("sqlite:///", "relative/file"),
        ("sqlite:///:memory:", "memory: is in memory"),
        ("sqlite:////no/such/folder/x.db", "cannot open the state file"),
        ("redis://", "not a Redis address"),
        ("redis://host:port", "not a Redis address"),
        ("redis://host/zero", "not a Redis address"),
        ("redis://host/-1", "not a Redis address"),
        ("redis://host?socket_timeout=secret", "an option of the URL"),
    ],
)
def test_what_is_no_state_is_said(url, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_state(url)
    assert "secret" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "strategist.state.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"sentinel-strategist\[redis\]"):
        open_state("redis://localhost")


def test_no_client_library_is_loaded_before_it_is_needed():
    code = "import sys, strategist.state as s; s.open_state('memory:'); sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
