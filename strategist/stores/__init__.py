"""Vector stores that give back what the defenses need: similarities and the vectors themselves."""

from strategist.stores.faiss import FaissStore, Hit

__all__ = ["FaissStore", "Hit"]
