"""`lifecycle preview`: what the mail could do better is said beside it."""

from __future__ import annotations

from pathlib import Path

from shop import sample_files
from terminal import Terminal


def test_a_preview_says_what_the_mail_could_do_better(tmp_path: Path) -> None:
    """With its place, on stderr and in JSON; of this template alone. A sound mail has nothing to be said."""
    for path, text in sample_files().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    terminal = Terminal(tmp_path)
    assert "warning" not in terminal.ok("preview", "cart/reminder", "--locale", "ar").err
    terminal.edit("templates/partials/signature.mjml", ('padding="0"', 'padding="0" color="#AAAAAA"'))
    terminal.edit("templates/partials/button.mjml", ("<mj-button ", '<mj-button inner-padding="4px 32px" '))
    said = terminal.ok("preview", "newsletter/issue")
    assert "templates/partials/signature.mjml:3:5: warning LC705" in said.err
    assert "warning" not in said.out
    found = terminal.json("preview", "cart/reminder")["problems"]
    assert [(one["code"], one["file"]) for one in found] == [("LC710", "templates/partials/button.mjml")]
