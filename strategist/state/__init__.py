"""What outlives a request: budgets, clients' histories and trust, in memory, SQLite or Redis."""

from strategist.state.base import State
from strategist.state.opening import memory_state, open_state
from strategist.state.trust import MemoryTrust, TrustState, TrustStore, query_suspicion

__all__ = ["MemoryTrust", "State", "TrustState", "TrustStore", "memory_state", "open_state", "query_suspicion"]
