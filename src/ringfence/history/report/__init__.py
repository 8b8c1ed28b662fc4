"""What a replay comes to as a page: one file, that needs nothing from anywhere and runs no script.

Whatever stands in a record was written by somebody else. Each value is made plain (control and direction characters
written out) and escaped by the template engine, not by the one who writes a template; the page's own policy forbids
scripts, frames, requests and styles but its one sheet, known by its digest.
"""
