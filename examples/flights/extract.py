"""Writes 2001-01.csv.zst, one month of the flights this example plays.

Usage: npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz
       pip install pyarrow && python extract.py package/data/flights-3m.parquet 2001-01 > 2001-01.csv.zst
"""

import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

source, month = sys.argv[1:3]
table = pq.read_table(source)
table = table.filter(pc.equal(pc.strftime(table["date"], format="%Y-%m"), month))
rows = zip(
    pc.strftime(table["date"], format="%Y-%m-%d %H:%M").to_pylist(),
    *(table[name].to_pylist() for name in ("delay", "distance", "origin", "destination")),
)
lines = ["date,delay,distance,origin,destination"]
lines += [",".join("" if value is None else str(value) for value in row) for row in rows]
text = "\n".join(lines) + "\n"
sys.stdout.buffer.write(pa.Codec("zstd", compression_level=19).compress(text.encode()).to_pybytes())
