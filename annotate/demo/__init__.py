"""The demo's own prompts, corpus and recipe: pure text and numbers, no Django, no torch."""
