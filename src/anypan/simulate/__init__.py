"""Simulated scenes with their truth: from images, and from landscapes that the package renders itself.

Images are taken as reflectances from 0 to 1, and what a batch holds is in that unit.
"""
