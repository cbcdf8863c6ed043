"""A picture as a Mermaid flowchart: what GitHub and many editors draw where they find it in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenweave.plan.drawing.text import clip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.plan.drawing.picture import Arrow, Box, Kind, Picture, Row, Sign, Way

_SIGNS: Final[dict[Sign, str]] = {
    "": "",
    "in": "▷ ",
    "out": "▶ ",
    "function": "ƒ ",
    "subflow": "⊞ ",
    "branch": "⑂ ",
    "time": "⧖ ",
    "retry": "↻ ",
    "undo": "↶ ",
    "expression": "",
}
_ARROWS: Final[dict[Way, str]] = {
    "transition": "-->",
    "default": "-->",
    "error": "-.->",
    "compensation": "-.->",
}
_STYLES: Final[dict[Way, str]] = {
    "error": "stroke:#b3261e,color:#b3261e",
    "compensation": "stroke:#6f42a6,color:#6f42a6",
}
_SHAPES: Final[dict[Kind, tuple[str, str]]] = {
    "start": ("((", "))"),
    "state": ("[", "]"),
    "compensation": ("[", "]"),
    "end": ("(((", ")))"),
    "terminate": ("([", "])"),
    "timeout": ("{{", "}}"),
}
_PLAIN: Final = frozenset(" .,:_-/+=?!'")
_WIDEST: Final = 60


def render(picture: Picture) -> str:
    """Write a picture down as a Mermaid flowchart, one line for each box and arrow.

    Whatever the names in it are, it is valid Mermaid: what could mean something there is written as an entity.
    """
    lines = ["---", f"title: {_title(picture.title)}", "---", "flowchart TD"]
    lines += [f"    {_box(box)}" for box in picture.boxes]
    lines += [f"    {_arrow(arrow)}" for arrow in picture.arrows]
    for way, style in _STYLES.items():
        numbers = [str(number) for number, arrow in enumerate(picture.arrows) if arrow.way == way]
        if numbers:
            lines.append(f"    linkStyle {','.join(numbers)} {style}")
    undoing = [box.id for box in picture.boxes if box.kind == "compensation"]
    if undoing:
        lines.append("    classDef compensation stroke:#6f42a6,stroke-dasharray:5 3")
        lines.append(f"    class {','.join(undoing)} compensation")
    return "\n".join(lines) + "\n"


def _box(box: Box) -> str:
    opening, closing = _SHAPES[box.kind]
    lines = [f"<b>{_escape(box.title)}</b>"] if box.title else []
    if box.subtitle:
        lines.append(f"<i>{_escape(box.subtitle)}</i>")
    lines += _rows(box.rows)
    return f'{box.id}{opening}"{"<br/>".join(lines) or " "}"{closing}'


def _arrow(arrow: Arrow) -> str:
    lines = ["otherwise"] if arrow.way == "default" else []
    lines += _rows(arrow.rows)
    label = f'|"{"<br/>".join(lines)}"|' if lines else ""
    return f"{arrow.tail} {_ARROWS[arrow.way]}{label} {arrow.head}"


def _rows(rows: Iterable[Row]) -> list[str]:
    return [f"{'#160;#160;' * row.depth}{_SIGNS[row.sign]}{_escape(clip(row.text, _WIDEST))}" for row in rows]


def _escape(text: str) -> str:
    """Text as Mermaid shows it: letters and digits as they are, signs that could mean something as entities."""
    return "".join(
        character if character.isalnum() or character in _PLAIN else f"#{ord(character)};"
        for character in " ".join(text.split())
    )


def _title(text: str) -> str:
    """The title, which is YAML: quoted."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return "'" + " ".join(plain.split()).replace("'", "''") + "'"
