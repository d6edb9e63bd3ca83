"""Reads the feeds of a server with feedparser and atoma, and its sitemaps by the rules of sitemaps.org."""

import json
import re
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlparse

import atoma
import feedparser

SITE = sys.argv[1]
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
IMAGE = "{http://www.google.com/schemas/sitemap-image/1.1}"
# W3C Datetime, as the protocol wants it.
W3C = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?")


def get(path):
    with urllib.request.urlopen(SITE + path) as answer:
        return answer.read(), answer.headers


def names(collection, member="slug"):
    body, _ = get(f"/v1/{collection}?limit=100")
    return [item[member] for item in json.loads(body)["data"]]


def is_whole(url):
    parts = urlparse(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def check_feed(path, kind, items):
    body, headers = get(path)
    read = feedparser.parse(body, response_headers={"content-type": headers["content-type"]})
    assert not read.bozo, f"{path}: {read.bozo_exception}"
    assert read.version == kind, f"{path} is taken for {read.version}"
    assert read.feed.title and is_whole(read.feed.link), path
    own = [link.href for link in read.feed.links if link.rel == "self"]
    assert own and is_whole(own[0]), path
    ids = [entry.id for entry in read.entries]
    assert len(ids) == len(set(ids)) and len(ids) >= items, f"{path}: {len(ids)} items"
    for entry in read.entries:
        assert entry.title and is_whole(entry.link) and entry.published_parsed and entry.author, f"{path}: {entry}"
        html = entry.content[0].value
        assert html, f"{path}: {entry.link} says nothing"
        for address in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert is_whole(address) or address.startswith("mailto:"), f"{path}: {address}"
    # This one raises at what is missing or has the wrong form.
    (atoma.parse_rss_bytes if kind == "rss20" else atoma.parse_atom_bytes)(body)
    return len(ids)


def check_json(path):
    body, headers = get(path)
    assert headers["content-type"] == "application/feed+json"
    atoma.parse_json_feed_bytes(body)
    feed = json.loads(body)
    assert feed["version"] == "https://jsonfeed.org/version/1.1" and feed["title"], path
    for item in feed["items"]:
        assert item["id"] and item["content_html"] and is_whole(item["url"]), f"{path}: {item}"
    return len(feed["items"])


def check_sitemaps():
    index = ElementTree.fromstring(get("/sitemap.xml")[0])
    assert index.tag == SITEMAP + "sitemapindex"
    parts = [check_entry(entry, SITEMAP + "sitemap", ["loc", "lastmod"]) for entry in index]
    assert 1 <= len(parts) <= 50_000
    urls = []
    for part in parts:
        body, _ = get(urlparse(part).path)
        assert len(body) <= 50 * 1024 * 1024
        root = ElementTree.fromstring(body)
        assert root.tag == SITEMAP + "urlset" and len(root) <= 50_000
        urls += [check_entry(entry, SITEMAP + "url", ["loc", "lastmod", "changefreq", "priority"]) for entry in root]
    assert len(urls) == len(set(urls)), "an address stands twice"
    return len(urls)


def check_entry(entry, tag, known):
    assert entry.tag == tag
    own = [child for child in entry if child.tag.startswith(SITEMAP)]
    named = [child.tag.removeprefix(SITEMAP) for child in own]
    assert named[0] == "loc" and len(named) == len(set(named)) and set(named) <= set(known), named
    for child in entry:
        if child not in own:
            assert child.tag == IMAGE + "image" and [part.tag for part in child] == [IMAGE + "loc"]
            assert is_whole(child[0].text)
        elif child.tag == SITEMAP + "lastmod":
            assert W3C.fullmatch(child.text), child.text
    loc = own[0].text
    assert is_whole(loc) and 12 <= len(loc) <= 2048, loc
    return loc


about = [("all", 10)]
about += [(f"category/{path}", 0) for path in names("categories", "path")]
about += [(f"tag/{slug}", 0) for slug in names("tags")] + [(f"byline/{slug}", 0) for slug in names("bylines")]
about += [(f"article/{slug}/comments", 0) for slug in names("articles")]
count = 0
for which, items in about:
    sizes = {
        check_feed(f"/feeds/{which}.rss", "rss20", items),
        check_feed(f"/feeds/{which}.atom", "atom10", items),
        check_json(f"/feeds/{which}.json"),
    }
    assert len(sizes) == 1, f"{which} holds {sizes}"
    count += 3
for old, kind in [("/feed/", "rss20"), ("/feed/atom/", "atom10"), ("/rss/", "rss20")]:
    check_feed(old, kind, 10)
    count += 1
print(f"{count} feeds were read by both, and {check_sitemaps()} addresses in sitemaps keep the rules")
