"""The HTTP surface of DESIGN section 7: tracking, pages for contacts, Segment's API, the dashboard."""
