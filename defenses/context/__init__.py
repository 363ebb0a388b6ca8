"""Defenses that decide by what the candidates say which of them may be served."""
