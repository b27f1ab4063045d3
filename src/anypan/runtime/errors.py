"""The one exception for what a user can mend."""


class UserError(Exception):
    """One sentence that names the input, what is wrong with it and what to do."""
