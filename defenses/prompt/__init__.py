"""Defenses that frame the served documents for the generator."""
