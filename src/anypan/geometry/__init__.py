"""Where pixels are: grids, lattices and tiles; no pixels themselves, but for filling and reading beyond a border.

Values of pixels, where there are any, are of any unit and pass unchanged.
"""
