"""What every room may use: the user's errors, bounds of numbers, device and memory."""
