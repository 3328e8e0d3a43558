"""Kernel results as pictures: briefing pages, palette, the web map."""
