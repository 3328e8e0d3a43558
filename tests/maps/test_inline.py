"""A page with everything written into it, or an error: never a page with a request in it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from maps.inline import InlineError, inline, requests

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.js").write_text('var a = "</script>";\n//# sourceMappingURL=a.js.map', "utf-8")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/i.png").write_bytes(b"png")
    (tmp_path / "a.css").write_text("a{background:url(images/i.png)} b{behavior:url(#default#VML)}", "utf-8")
    return tmp_path


def test_script_style_and_image_are_written_in(folder: Path) -> None:
    (folder / "i.png").write_bytes(b"icon")
    page = inline(
        '<script src="https://cdn.example/a@1/a.js"></script>'
        '<link rel="stylesheet" href="https://cdn.example/a.css"/>'
        '<link rel="icon" href="x/i.png">'
        '<img alt="" src="a/b/i.png">',
        folder,
    )
    icon = f"data:image/png;base64,{base64.b64encode(b'icon').decode()}"
    assert "cdn.example" not in page
    assert 'var a = "<\\/script>"' in page
    assert "sourceMappingURL" not in page
    assert f"url(data:image/png;base64,{base64.b64encode(b'png').decode()})" in page
    assert f'<link rel="icon" href="{icon}">' in page
    assert f'<img alt="" src="{icon}"' in page
    assert "url(#default#VML)" in page
    assert not list(requests(page))


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example/missing.js"></script>',
        '<link rel="stylesheet" href="missing.css">',
        '<img src="https://cdn.example/missing.png">',
        '<iframe src="https://example.org"></iframe>',
        "<style>@import 'https://example.org/a.css';</style>",
        "<style>a{background:url('https://example.org/a.png')}</style>",
        '<object data="movie.swf"></object>',
    ],
)
def test_what_cannot_be_written_in_is_refused(page: str, folder: Path) -> None:
    with pytest.raises(InlineError):
        inline(page, folder)


def test_missing_file_of_a_style_is_refused(folder: Path) -> None:
    (folder / "b.css").write_text("a{background:url(images/none.png)}", "utf-8")
    with pytest.raises(InlineError, match=r"none\.png"):
        inline('<link rel="stylesheet" href="b.css">', folder)


def test_text_that_looks_like_an_element_inside_a_script_is_left_alone(folder: Path) -> None:
    page = """<script>var html = '<img src="x.png">';</script>"""
    assert list(requests(page)) == []
    assert "x.png" in page
    assert folder.is_dir()
