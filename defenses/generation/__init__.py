"""Defenses that decide how the generator is asked: how often, with which documents, with which attention."""
