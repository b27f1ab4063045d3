"""Columns of rows that several rooms name, spelt once, and those that head a table."""

from __future__ import annotations

LOW, HIGH = "detail transfer (low)", "detail transfer (high)"
HEADLINES = {"rr": ("Q2n", "SAM", "ERGAS"), "fr": (LOW, HIGH, "D_rho", "R-ERGAS")}
