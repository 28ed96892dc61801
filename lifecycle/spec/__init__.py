"""Content in: YAML and templates become typed, checked models that remember where each part was written."""
