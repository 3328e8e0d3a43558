"""Makes an HTML page self-contained: every script, style, image and font that it would load is written into it.

Folium pages load their libraries from the internet. Here each such address is replaced by the text of a local file
of the same name; an address without a local file is an error, so that no page leaves with a request in it.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from geo.errors import GeoError

if TYPE_CHECKING:
    from collections.abc import Iterator

STATIC = Path(__file__).parent / "static"
"""What ``maps/editor/build.js`` makes at set-up."""

_SCRIPT = re.compile(
    r"<script\b[^>]*?\bsrc\s*=\s*([\"'])(?P<url>.*?)\1[^>]*>\s*</script>", re.IGNORECASE | re.DOTALL
)
_LINK = re.compile(r"<link\b[^>]*?\bhref\s*=\s*([\"'])(?P<url>.*?)\1[^>]*>", re.IGNORECASE | re.DOTALL)
_IMAGE = re.compile(r"(<(?:img|source)\b[^>]*?\bsrc\s*=\s*)([\"'])(?P<url>.*?)\2", re.IGNORECASE | re.DOTALL)
_CSS_URL = re.compile(r"url\(\s*([\"']?)(?P<url>(?!data:|#)[^)\"']+)\1\s*\)", re.IGNORECASE)
_CSS_IMPORT = re.compile(r"@import\b[^;]+;", re.IGNORECASE)
_SOURCE_MAP = re.compile(r"(//|/\*)[#@]\s*sourceMappingURL=[^\n*]*(\*/)?")
_SCRIPT_OR_STYLE = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_LOADS = re.compile(
    r"<(?:script|img|iframe|source|audio|video|embed|object)\b[^>]*?\b(?:src|data)\s*=\s*[\"']?(?!data:)\w"
    r"|<link\b[^>]*?\bhref\s*=\s*[\"']?(?!data:)\w",
    re.IGNORECASE,
)


class InlineError(GeoError, ValueError):
    """A page asks for a file that is not at hand, so that it would need the internet."""


def inline(html: str, folder: Path = STATIC / "leaflet") -> str:
    """Return the page with everything that it would load written into it.

    Parameters
    ----------
    html
        A page whose scripts, styles, icons and images are named by address.
    folder
        Where the local files are, found by the last part of the address (``…/leaflet@1.9.3/dist/leaflet.js`` is
        ``leaflet.js``). Files that styles name are looked for beside them.

    Returns
    -------
    str
        The page; it makes no request.

    Raises
    ------
    InlineError
        When a file is not in the folder, or something would still be loaded.

    Examples
    --------
    >>> inline('<p style="color:red">no address, nothing to do</p>')
    '<p style="color:red">no address, nothing to do</p>'
    """
    html = _SCRIPT.sub(lambda found: f"<script>{_script(_local(found['url'], folder))}</script>", html)
    html = _LINK.sub(lambda found: _link(found, folder), html)
    html = _IMAGE.sub(
        lambda found: (
            found[0]
            if found["url"].startswith("data:")
            else f"{found[1]}{found[2]}{data_url(_local(found['url'], folder))}{found[2]}"
        ),
        html,
    )
    for left in requests(html):
        raise InlineError(
            f"页面仍要从外部读取 {left}。",
            f"the page would still load {left}",
            remedy="请重新运行 make setup。",
        )
    return html


def requests(html: str) -> Iterator[str]:
    """Yield what a page would load: elements with an address, and addresses in styles.

    Parameters
    ----------
    html
        A page.

    Yields
    ------
    str
        The beginning of the element, or the address in a style.
    """
    for found in _SCRIPT_OR_STYLE.finditer(html):
        block = found[0]
        opening = block[: block.index(">") + 1]
        if _LOADS.match(opening):
            yield opening
        if found[1].lower() == "style":
            yield from (css["url"] for css in _CSS_URL.finditer(block))
            yield from _CSS_IMPORT.findall(block)
    for found in _LOADS.finditer(_SCRIPT_OR_STYLE.sub("", html)):
        yield found[0]


def data_url(path: Path) -> str:
    """Return a file as a ``data:`` address."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _local(url: str, folder: Path) -> Path:
    path = folder / Path(urlsplit(url).path).name
    if not path.is_file():
        raise InlineError(
            f"缺少本地文件 {path.name}，页面将无法离线打开。",
            f"{url} has no local copy in {folder}",
            remedy="请运行 make setup。",
        )
    return path


def _link(found: re.Match[str], folder: Path) -> str:
    url = found["url"]
    if url.startswith("data:"):
        return found[0]
    path = _local(url, folder)
    if re.search(r"rel\s*=\s*[\"']?stylesheet", found[0], re.IGNORECASE):
        return f"<style>{_style(path)}</style>"
    return found[0].replace(url, data_url(path))


def _script(path: Path) -> str:
    # "</script" inside a script would end the element early.
    text = _SOURCE_MAP.sub("", path.read_text("utf-8"))
    return re.sub(r"</(script)", r"<\\/\1", text, flags=re.IGNORECASE)


def _style(path: Path) -> str:
    text = _SOURCE_MAP.sub("", path.read_text("utf-8"))

    def written(found: re.Match[str]) -> str:
        url = urlsplit(found["url"])
        if url.scheme or url.netloc:
            return f"url({data_url(_local(found['url'], path.parent))})"
        if not url.path:  # behaviour of browsers long gone: url(#default#VML)
            return found[0]
        target = path.parent / url.path
        if not target.is_file():
            raise InlineError(
                f"缺少样式所用的文件 {url.path}。",
                f"{path.name} names {url.path}, which has no local copy",
                remedy="请运行 make setup。",
            )
        return f"url({data_url(target)})"

    return _CSS_URL.sub(written, text)
