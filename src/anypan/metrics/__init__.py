"""How good a fused image is: metrics at reduced resolution (against a reference) and at full resolution."""
