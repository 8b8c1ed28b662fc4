"""What a page is made of, for those who look whether anything got into it."""

from __future__ import annotations

from html.parser import HTMLParser

TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "code", "nav", "a", "dl", "dt", "dd",
    "div", "small", "table", "tr", "th", "td", "span", "br", "figure", "figcaption", "svg", "rect", "details",
    "summary", "b", "ul", "li",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "id", "href", "class", "x", "y", "width", "height", "viewbox",
    "preserveaspectratio", "role", "aria-label", "open",
}  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://203.0.113.9/x onerror=alert(1)>',
    "'; DROP TABLE cdr; --",
    "{{ 7 * 7 }}{% for x in y %}",
    "\x1b[2J\x07\x00",
    "\u202e0044\u200b",
    "</style></title><svg onload=alert(1)>",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "\ud800",
    "x" * 5000,
)
"""What strangers might write into a field of a record."""


class Page(HTMLParser):
    """Elements, attributes, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        found = dict(attrs)
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        self.ids.update(value for name, value in found.items() if name == "id" and value)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All of it, with single spaces."""
        return " ".join(" ".join(self.words).split())


def clean(text: str) -> Page:
    """The page, once it is sure that it is made of what its templates hold, needs nothing and hides nothing."""
    page = Page(text)
    assert page.tags <= TAGS, page.tags - TAGS
    assert page.attributes <= ATTRIBUTES, page.attributes - ATTRIBUTES
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links), page.links
    assert "Content-Security-Policy" in text
    assert all(c.isprintable() or c == "\n" for c in text)
    text.encode()
    return page
