"""The kernel of OneGrid: pure functions on arrays and GeoDataFrames.

No database, no web, no environment variables, no drawing.
"""
