"""Readers for the compressed objects of deliveries, on raw Snappy and the standard library alone."""

import gzip
import io
import struct
import zipfile

import pyarrow

_SNAPPY = pyarrow.Codec("snappy")


def _raw_snappy(block: bytes) -> bytes:
    size, shift = 0, 0
    for byte in block:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return _SNAPPY.decompress(block, decompressed_size=size).to_pybytes() if size else b""


def framed_snappy(data: bytes) -> bytes:
    """Snappy's framing format: chunks of a type, a length of three bytes and their content."""
    assert data[:10] == b"\xff\x06\x00\x00sNaPpY"
    plain, at = [], 0
    while at < len(data):
        kind, size = data[at], int.from_bytes(data[at + 1:at + 4], "little")
        content = data[at + 4:at + 4 + size]
        if kind == 0:
            plain.append(_raw_snappy(content[4:]))
        elif kind == 1:
            plain.append(content[4:])
        else:
            assert kind >= 0x80, f"chunk of the unknown type {kind}"
        at += 4 + size
    return b"".join(plain)


def hadoop_snappy(data: bytes) -> bytes:
    """Blocks of a plain length and of parts with a compressed length, as Hadoop's codec reads them."""
    plain, at = [], 0
    while at < len(data):
        (left,) = struct.unpack_from(">I", data, at)
        at += 4
        while left:
            (size,) = struct.unpack_from(">I", data, at)
            part = _raw_snappy(data[at + 4:at + 4 + size])
            plain.append(part)
            left -= len(part)
            at += 4 + size
    return b"".join(plain)


def zipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        return archive.read(name)


READERS = {
    "UNCOMPRESSED": (lambda data: data, ""),
    "GZIP": (gzip.decompress, ".gz"),
    "ZIP": (zipped, ".zip"),
    "Snappy": (framed_snappy, ".snappy"),
    "HADOOP_SNAPPY": (hadoop_snappy, ".hsnappy"),
}
