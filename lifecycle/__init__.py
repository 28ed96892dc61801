"""Lifecycle email as code: segments, campaigns and templates, checked, planned, rehearsed, sent once, measured."""
