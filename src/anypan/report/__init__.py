"""Rows and pictures to one HTML page that opens offline. It lays out what others measured; it computes no metric."""

from anypan.report.benchmark import write
from anypan.report.fusion import fusion_page
from anypan.report.pictures import Layer, Layers
from anypan.report.rows import Metrics, Row, read
from anypan.report.tables import markdown_table
from anypan.report.training import is_run, training_page

__all__ = [
    "Layer",
    "Layers",
    "Metrics",
    "Row",
    "fusion_page",
    "is_run",
    "markdown_table",
    "read",
    "training_page",
    "write",
]
