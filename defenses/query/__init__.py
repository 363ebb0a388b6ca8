"""Defenses that rewrite the query before anything is retrieved."""
