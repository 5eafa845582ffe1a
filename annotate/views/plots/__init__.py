"""Figures of a ranking as Vega-Lite specifications: pure functions from tables of numbers.

They hold colours by the names that the page's stylesheet gives them, `var(--plot-1)`; the script
that draws them puts in what each is at that moment, on the page or on the white of a download.
"""
