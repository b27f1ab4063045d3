"""What an instrument does to light: its bands and MTF, sampling in both conventions, gain and normalisation.

Images are of any unit that is linear in radiance (digital numbers, reflectance): filters keep it, and gains at the
Nyquist frequency lie from 0 to 1.
"""
