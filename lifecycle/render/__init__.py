"""Templates become mails: MJML and CSS once per template version and locale, one Jinja call per recipient."""
