"""Simulated scenes with their truth: from images, and from landscapes that the package renders itself."""
