"""What an instrument does to light: its bands and MTF, sampling in both conventions, gain and normalisation."""
