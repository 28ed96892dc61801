"""Finds the piece of a template that the MJML compiler refuses: its own positions are those of what we made of it."""

from __future__ import annotations

from collections.abc import Callable

from lifecycle.base.errors import ContentError
from lifecycle.render.markup import Element, Node, serialise
from lifecycle.render.woven import Woven
from lifecycle.spec.place import Place


def find_culprit(tree: Element, to_html: Callable[[str], str]) -> Node:
    """Return the first element, text or comment with which the tree no longer compiles, the innermost of those.

    Elements are filled child by child until one is too much, then that one is. The tree is left as it was.
    """
    found: Node = tree.find("mjml") or tree
    whole: list[tuple[Element, list[Node]]] = []
    while isinstance(found, Element):
        whole.append((found, found.children))
        guilty = _first_refused(tree, found, to_html)
        if guilty is None:
            break
        found = guilty
    for element, children in whole:
        element.children = children
    return found


def _first_refused(tree: Element, parent: Element, to_html: Callable[[str], str]) -> Node | None:
    """Return the child that is too much, leaving `parent` with those up to it; None when it is refused without any."""
    children = parent.children
    for count in range(len(children) + 1):
        parent.children = children[:count]
        try:
            to_html(serialise(tree))
        except ContentError:
            return children[count - 1] if count else None
    return None


def place_of(node: Node, woven: Woven) -> Place:
    """Return where a node of a parsed tree was written: the tag, or the first line of a text that is not blank."""
    if isinstance(node, Element):
        return woven.place(node.start, len(node.tag) + 1)
    blank = len(node.value) - len(node.value.lstrip())
    return woven.place(node.start + blank, len(node.value.strip().split("\n")[0]))
