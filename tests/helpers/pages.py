"""An HTML file taken apart."""

import html.parser

NASTY = '<script>alert("x")</script> & more'


class Page(html.parser.HTMLParser):
    """The tags of a page with their attributes, and its texts; checks that tags are closed."""

    EMPTY = {"meta", "img", "br", "line", "circle", "polyline", "input"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]
