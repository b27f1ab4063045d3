"""A PAN and an MS become a Scene: placed, registered, filled, cropped or degraded."""
