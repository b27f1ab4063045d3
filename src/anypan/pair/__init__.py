"""A PAN and an MS become a Scene: placed, registered, filled, cropped or degraded.

PAN and MS keep the units of their files (digital numbers, radiance or reflectance), each its own, linear and finite
where valid; nothing is scaled.
"""
