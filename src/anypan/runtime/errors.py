"""The exceptions for what a user can mend, and the warning for what a user should know."""


def printable(text: str) -> str:
    """The text with bytes of file names that are no UTF-8 written out, as pages and other files need it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class UserError(Exception):
    """One sentence that names the input, what is wrong with it and what to do."""


class Unverified(UserError):
    """An output that is farther from its MS than the caller allows; it is kept under another name."""


class Note(UserWarning):
    """What was found, assumed or is doubtful of a fusion that gives an array; one that writes a file reports it."""
