"""Defenses that check what the generator wrote."""
