"""Pictures of definitions: what is in one, and how it is written as Mermaid or SVG.

::

    picture = swf08.draw(workflow)
    svg.render(picture)
    mermaid.render(picture)

A picture says nothing of where things stand; `layout` decides that for SVG, and Mermaid decides for itself.
"""

from evenweave.plan.drawing.picture import Arrow, Box, Picture, Row

__all__ = ["Arrow", "Box", "Picture", "Row"]
