"""The exceptions for what a user can mend."""


class UserError(Exception):
    """One sentence that names the input, what is wrong with it and what to do."""


class Unverified(UserError):
    """An output that is farther from its MS than the caller allows; it is kept under another name."""
