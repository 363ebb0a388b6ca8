"""Defenses that decide by scores and budgets which candidates may be served."""
