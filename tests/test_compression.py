"""What travels compressed, and how."""

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from levelup_site.middleware import Compression

LONG = b"code,value\n" + b"E01000001,12.5\n" * 1000


def answer(rf, response, accepts="gzip"):
    request = rf.get("/", headers={"Accept-Encoding": accepts} if accepts else {})
    return Compression(lambda _: response)(request)


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize("stream", [False, True])
def test_a_table_travels_gzipped_whole_or_streamed(rf, stream):
    parts = [LONG[:5000], LONG[5000:]]
    given = StreamingHttpResponse(parts) if stream else HttpResponse(LONG)
    given["Content-Type"] = "text/csv; charset=utf-8"
    given["ETag"] = '"7"'
    found = answer(rf, given)
    packed = body(found)
    assert gzip.decompress(packed) == LONG
    assert len(packed) < len(LONG) / 6
    assert (found["Content-Encoding"], found["ETag"]) == ("gzip", 'W/"7"')
    assert "Accept-Encoding" in found["Vary"]
    if not stream:
        assert found["Content-Length"] == str(len(packed))


def test_a_reader_that_takes_no_gzip_gets_the_table_plain(rf):
    found = answer(rf, HttpResponse(LONG, content_type="text/csv"), accepts="")
    assert body(found) == LONG
    assert "Content-Encoding" not in found
    assert "Accept-Encoding" in found["Vary"]


@pytest.mark.parametrize("kind", ["application/vnd.apache.parquet", "image/png"])
def test_what_is_packed_already_is_left(rf, kind):
    found = answer(rf, HttpResponse(LONG, content_type=kind))
    assert body(found) == LONG
    assert "Content-Encoding" not in found


def test_pages_are_gzipped_as_ever(rf):
    found = answer(rf, HttpResponse(LONG, content_type="text/html"))
    assert gzip.decompress(body(found)) == LONG
