"""Rows and pictures to one HTML page that opens offline. It lays out what others measured; it computes no metric.

Images to be shown are of any unit and range, and are stretched; pictures are of 8 bits, 0 to 255.
"""

from anypan.report.agreement import Agreement
from anypan.report.batch import batch_page
from anypan.report.benchmark import write
from anypan.report.compare import Line, compare
from anypan.report.findings import Finding
from anypan.report.fusion import fusion_page
from anypan.report.look import Look, Spectra
from anypan.report.pictures import Layer, Layers
from anypan.report.published import Published, comparable, published
from anypan.report.rows import Metrics, Record, Row, read, records
from anypan.report.tables import markdown_table
from anypan.report.training import is_run, training_page, training_place

__all__ = [
    "Agreement",
    "Finding",
    "Layer",
    "Layers",
    "Line",
    "Look",
    "Metrics",
    "Published",
    "Record",
    "Row",
    "Spectra",
    "batch_page",
    "comparable",
    "compare",
    "fusion_page",
    "is_run",
    "markdown_table",
    "published",
    "read",
    "records",
    "training_page",
    "training_place",
    "write",
]
