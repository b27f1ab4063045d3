"""A page on this machine: two files or a zip go in, a fused image comes out, with what to look at it by."""

from anypan.serve.server import Server

__all__ = ["Server"]
