"""A page of a listing, read from S3's XML.

botocore's own parser takes ten times as long, most of it over dates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote_plus
from xml.parsers import expat

from portable.errors import Unavailable
from portable.storage.driver import Page, StoredObject
from portable.storage.http import quoted

ROOT = "ListBucketResult"
ENTRY = "Contents"
FOLDER = "CommonPrefixes"


def parsed(body: bytes) -> Page:
    """The page that *body* is.

    Raises:
        Unavailable: it isn't one, or not all of it.
    """
    found = _Answer()
    try:
        found.read(body)
        if found.root != ROOT:
            raise Unavailable(f"the answer has no {ROOT}: it isn't S3's", ambiguous=True)
        is_encoded = found.words.get("EncodingType") == "url"
        objects = [_stored(entry, is_encoded) for entry in found.entries]
        prefixes = [_decoded(prefix, is_encoded) for prefix in found.prefixes]
        return Page(objects, prefixes, _token(found.words))
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unavailable("a listing isn't S3's, or not all of it", ambiguous=True) from error


class _Answer:
    """What there is in a page, as texts.

    Not a tree: the garbage collector would go through its elements again and again, which takes
    as long as all the rest.

    Attributes:
        root: The name of the outermost element.
        words: The text of each element right below it, by name.
        entries: The same of each object's.
        prefixes: The folded ones.
    """

    def __init__(self) -> None:
        self.root = ""
        self.words: dict[str, str] = {}
        self.entries: list[dict[str, str]] = []
        self.prefixes: list[str] = []
        self._open: list[str] = []
        self._entry: dict[str, str] = {}
        self._text = ""

    def read(self, body: bytes) -> None:
        """Take all of it in."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._more
        parser.EndElementHandler = self._end
        parser.Parse(body, True)

    def _start(self, name: str, _: object) -> None:
        self._open.append(name.rpartition(":")[2])  # whatever the namespace is called
        self._text = ""

    def _more(self, text: str) -> None:
        self._text += text

    def _end(self, _: str) -> None:
        above = self._open
        name = above.pop()
        if len(above) == 2:  # below an entry
            if above[1] == ENTRY:
                self._entry[name] = self._text
            elif above[1] == FOLDER and name == "Prefix":
                self.prefixes.append(self._text)
        elif len(above) == 1:
            if name == ENTRY:
                self.entries.append(self._entry)
                self._entry = {}
            else:
                self.words[name] = self._text
        elif not above:
            self.root = name


def _token(words: dict[str, str]) -> str | None:
    """What continues the listing: an answer that is unclear about it isn't taken for the end."""
    is_cut = words.get("IsTruncated", "false").strip()
    if is_cut == "false":
        return None
    token = words.get("NextContinuationToken")
    if is_cut != "true" or not token:
        raise ValueError("no word on whether there is more")
    return token


def _stored(entry: dict[str, str], is_encoded: bool) -> StoredObject:
    etag = entry["ETag"]
    return StoredObject(
        key=_decoded(entry["Key"], is_encoded),
        size=int(entry["Size"]),
        revision=quoted(etag),
        last_modified=_time(entry["LastModified"]),
        etag=etag.strip('"'),
        storage_class=entry.get("StorageClass"),
    )


def _decoded(text: str, is_encoded: bool) -> str:
    return unquote_plus(text) if is_encoded and ("%" in text or "+" in text) else text


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is UTC:
        return found
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
