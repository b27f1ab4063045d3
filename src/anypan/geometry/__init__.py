"""Where pixels are: grids, lattices and tiles; no pixels themselves."""
