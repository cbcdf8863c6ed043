"""Diagnostics are drawn with a caret below what they mean."""

from evenweave.source import Diagnostic, Span, load, render


def diagnostic(span: Span, message: str = "m", hint: str = "h") -> Diagnostic:
    """Return an error at ``span`` of the file f.yaml."""
    return Diagnostic("SW104", "f.yaml", span, "error", message, hint)


def test_render_draws_place_line_caret_and_hint() -> None:
    """The drawing is the one that the design shows."""
    text = "\n" * 13 + "      transition: CheckPaymnt\n"
    found = Diagnostic(
        "SW104",
        "order.yaml",
        Span(14, 19, 14, 30),
        "error",
        'transition names an unknown state "CheckPaymnt"',
        'did you mean "CheckPayment"?',
    )
    assert render([found], {"order.yaml": text}) == (
        'order.yaml:14:19: error[SW104] transition names an unknown state "CheckPaymnt"\n'
        "   14 |       transition: CheckPaymnt\n"
        '      |                   ^^^^^^^^^^^ did you mean "CheckPayment"?\n'
    )


def test_render_aligns_under_tabs_and_wide_characters() -> None:
    """The caret stands below its character: tabs stay tabs, wide characters take two columns, marks none."""
    text = "\t\u65e5\u672ce\u0301 x"
    assert render([diagnostic(Span(1, 7, 1, 8))], {"f.yaml": text}).split("\n")[1:3] == [
        f"    1 | {text}",
        "      | \t      ^ h",
    ]
    assert "^^^^" in render([diagnostic(Span(1, 2, 1, 4))], {"f.yaml": text})


def test_render_draws_several_lines_on_the_first() -> None:
    """A span of several lines is underlined to the end of its first."""
    assert render([diagnostic(Span(1, 3, 3, 1))], {"f.yaml": "a bc  \nd\n"}).split("\n")[2] == "      |   ^^ h"


def test_render_without_the_text_keeps_place_and_hint() -> None:
    """Where the text is not at hand, the message and the hint remain."""
    assert render([diagnostic(Span(3, 4, 3, 5))], {}) == "f.yaml:3:4: error[SW104] m\n        h\n"
    assert render([], {}) == ""


def test_render_cuts_long_lines_around_the_place() -> None:
    """Of a line without end, the part around the place is shown, with the caret below it."""
    text = "x" * 5_000 + "HERE" + "y" * 5_000
    lines = render([diagnostic(Span(1, 5_001, 1, 5_005), hint="")], {"f.yaml": text}).split("\n")
    assert len(lines[1]) < 200
    at = lines[2].index("^^^^")
    assert lines[1][at : at + 4] == "HERE"


def test_render_disarms_control_characters() -> None:
    """Neither the text, the message nor the hint reaches a terminal with a control character in it."""
    drawn = render([diagnostic(Span(1, 1, 1, 2), "\x1b[31m", "\u202ehint")], {"f.yaml": "\x1b]0;title\x07 x"})
    assert not any(sign in drawn for sign in "\x1b\x07\u202e")


def test_render_counts_lines_as_spans_do() -> None:
    """A line separator inside a text does not move the lines below it."""
    loaded = load("f.yaml", "a: 'x\u2028y'\r\nb: @z\n")
    assert render(loaded.diagnostics, {"f.yaml": loaded.text}).split("\n")[1] == "    2 | b: @z"
