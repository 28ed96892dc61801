"""Positions in nested steps, against a walk that unfolds them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.base.units import Duration
from lifecycle.journey import paths
from lifecycle.spec.model import Arm, Branch, Send, Step, WaitFor, walk_steps


@st.composite
def _steps(draw: st.DrawFn, depth: int = 3) -> tuple[Step, ...]:
    made: list[Step] = []
    for _ in range(draw(st.integers(0, 3))):
        name = f"s{draw(st.integers(0, 10**9))}"
        kind = draw(st.sampled_from(["send", "branch", "wait_for"])) if depth else "send"
        if kind == "send":
            made.append(Send(name, name))
        elif kind == "branch":
            arms = [Arm(None, draw(_steps(depth - 1))) for _ in range(draw(st.integers(1, 3)))]
            made.append(Branch(name, tuple(arms)))
        else:
            inner = (draw(_steps(depth - 1)), draw(_steps(depth - 1)))
            made.append(WaitFor(name, ("Ping",), Duration(60), then=inner[0], on_timeout=inner[1]))
    return tuple(made)


@given(_steps())
def test_every_step_is_found_where_it_is(steps: tuple[Step, ...]) -> None:
    """`find` and `step_at` undo each other for every step, however deep."""
    for step in walk_steps(steps):
        position = paths.find(steps, step.id)
        assert position is not None
        found = paths.step_at(steps, position)
        assert found is not None
        assert found.id == step.id


@given(_steps())
def test_from_every_place_there_is_a_way_out(steps: tuple[Step, ...]) -> None:
    """Going on and leaving lists ends behind the last step."""
    for step in walk_steps(steps):
        position: tuple[int, ...] | None = paths.find(steps, step.id)
        for _ in range(1000):
            if position is None:
                break
            position = paths.after(position) if paths.step_at(steps, position) is not None else paths.leave(position)
        assert position is None


def test_what_is_not_there_is_not_found() -> None:
    """Neither a step of another name, nor one past the end."""
    steps: tuple[Step, ...] = (Send("a", "a"),)
    assert paths.find(steps, "b") is None
    assert paths.step_at(steps, (1,)) is None
    assert paths.leave((1,)) is None
