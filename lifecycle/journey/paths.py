"""Positions in nested steps: (2,) is the third step; (2, 0, 1) the second step of its first inner list. Pure."""

from __future__ import annotations

from lifecycle.spec.model import Step, inner_lists


def step_at(steps: tuple[Step, ...], position: tuple[int, ...]) -> Step | None:
    """Return the step at `position`, None past the end of its list."""
    found = steps
    for depth in range(0, len(position) - 1, 2):
        inner = inner_lists(found[position[depth]])
        found = inner[position[depth + 1]]
    index = position[-1]
    return found[index] if index < len(found) else None


def after(position: tuple[int, ...]) -> tuple[int, ...]:
    """Return the next place in the same list."""
    return (*position[:-1], position[-1] + 1)


def leave(position: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the place behind the step that holds this list, None when this is the campaign's own list."""
    return None if len(position) == 1 else after(position[:-2])


def find(steps: tuple[Step, ...], step_id: str) -> tuple[int, ...] | None:
    """Return the position of the step of that id, None when there is none."""
    for index, step in enumerate(steps):
        if step.id == step_id:
            return (index,)
        for inner_index, inner in enumerate(inner_lists(step)):
            below = find(inner, step_id)
            if below is not None:
                return (index, inner_index, *below)
    return None
