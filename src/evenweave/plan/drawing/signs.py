"""The signs before lines of a picture, in squares of twelve; envelopes and arrows as BPMN has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.plan.drawing.picture import Sign

SIGNS: Final[Mapping[Sign, str]] = {
    # An envelope comes in empty and goes out filled.
    "in": '<rect class="sign" x="0.5" y="2" width="12" height="8"/><path class="sign" d="M0.5 2 L6.5 7 L12.5 2"/>',
    "out": '<rect class="solid" x="0" y="1.5" width="13" height="9"/>'
    '<path d="M0.5 2 L6.5 7 L12.5 2" fill="none" stroke="#ffffff" stroke-width="1.1"/>',
    "function": '<circle class="sign" cx="6.5" cy="6" r="3"/><circle class="sign" cx="6.5" cy="6" r="5"'
    ' stroke-dasharray="2 1.93" stroke-width="2"/>',
    "subflow": '<rect class="sign" x="1" y="0.5" width="11" height="11" rx="2"/>'
    '<path class="sign" d="M6.5 3 V9 M3.5 6 H9.5"/>',
    "branch": '<path class="sign" d="M3 1 V11 M6.5 1 V11 M10 1 V11"/>',
    "time": '<circle class="sign" cx="6.5" cy="6" r="5.2"/><path class="sign" d="M6.5 3 V6 L9 7.5"/>',
    "retry": '<path class="sign" d="M11 6 A4.7 4.7 0 1 1 8.5 1.9"/>'
    '<path class="solid" d="M7.5 -0.5 L11.5 2 L7.8 4.6 Z"/>',
    "undo": '<path class="sign" d="M6.5 2 L1.5 6 L6.5 10 Z M12 2 L7 6 L12 10 Z"/>',
}
