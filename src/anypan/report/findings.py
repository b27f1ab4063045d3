"""What was measured of one fusion, each thing in a sentence with a light: green, amber or red, and by which rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Light = Literal["green", "amber", "red", "none"]
WORDS = {"green": "good", "amber": "look closer", "red": "bad", "none": "measured"}  # light is not told by colour alone


@dataclass(frozen=True)
class Finding:
    """`title`: what was measured; `sentence`: what was found and what it means; `rule`: when it is which light."""

    light: Light
    title: str
    sentence: str
    rule: str = ""


def listed(findings: Sequence[Finding]) -> str:
    """The findings as a list, in their order; empty without any."""
    lines = "".join(
        f"<li class={one.light}><b><span class=light>{WORDS[one.light]}</span> {escape(one.title)}</b>"
        f"<p>{escape(one.sentence)}{f' <small>{escape(one.rule)}</small>' if one.rule else ''}</p></li>"
        for one in findings
    )
    return f"<ul class=findings>{lines}</ul>" if lines else ""
