"""Methods of the literature: one file a family."""
