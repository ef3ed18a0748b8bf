"""Reads Paimon tables through pypaimon's public API and prints their rows in a form that can be compared exactly.

usage: read_tables.py read DIRECTORY…       one JSON line per table: {"table", "rows"} or {"table", "error"}
       read_tables.py lookup DIRECTORY COLUMN JSON  reads each of a list of keys by an equality filter, which prunes buckets:
                                            prints the list of how many rows each gave
       read_tables.py write DIRECTORY JSON  writes rows (a list of objects, values as printed by `read`) in one commit

Values: integers, days, microseconds and unscaled decimals as decimal text, floats as the hex of their IEEE double, binary as
hex, text and booleans as they are.
"""
import datetime
import decimal
import json
import struct
import sys
from pathlib import Path

import pyarrow as pa
from pypaimon import CatalogFactory
from pypaimon.schema.data_types import PyarrowFieldParser

decimal.getcontext().prec = 60
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)


def open_table(directory):
    path = Path(directory).resolve()
    catalog = CatalogFactory.create({"warehouse": path.parent.parent.as_uri()})
    return catalog.get_table(f"{path.parent.name.removesuffix('.db')}.{path.name}")


def plain(value, kind):
    if value is None:
        return None
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return value
    if pa.types.is_integer(kind):
        return str(value)
    if pa.types.is_floating(kind):
        return "nan" if value != value else struct.pack(">d", value).hex()
    if pa.types.is_decimal(kind):
        return str(int(value.scaleb(kind.scale)))
    if pa.types.is_date(kind):
        return str(value.toordinal() - EPOCH.toordinal())
    if pa.types.is_timestamp(kind):
        naive = value.astimezone(datetime.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        return str((naive - EPOCH) // MICROSECOND)
    return value.hex()


def parse(value, kind):
    if value is None or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return value
    if pa.types.is_integer(kind):
        return int(value)
    raise ValueError(f"writing {kind} is not needed here")


def read(directories):
    for directory in directories:
        answer = {"table": directory}
        try:
            builder = open_table(directory).new_read_builder()
            splits = builder.new_scan().plan().splits()
            table = builder.new_read().to_arrow(splits)
            columns = [[plain(v, f.type) for v in table.column(f.name).to_pylist()] for f in table.schema]
            answer["rows"] = [list(row) for row in zip(*columns)]
        except Exception as failure:  # the other tables still count
            answer["error"] = f"{type(failure).__name__}: {failure}"
        print(json.dumps(answer), flush=True)


def lookup(directory, column, text):
    table = open_table(directory)
    kind = PyarrowFieldParser.from_paimon_schema(table.fields).field(column).type
    counts = []
    for key in json.loads(text):
        builder = table.new_read_builder()
        builder = builder.with_filter(builder.new_predicate_builder().equal(column, parse(key, kind)))
        splits = builder.new_scan().plan().splits()
        rows = builder.new_read().to_arrow(splits)
        counts.append(sum(1 for v in rows.column(column).to_pylist() if plain(v, kind) == key))
    print(json.dumps(counts))


def write(directory, text):
    table = open_table(directory)
    schema = PyarrowFieldParser.from_paimon_schema(table.fields)
    rows = json.loads(text)
    columns = {f.name: pa.array([parse(row[f.name], f.type) for row in rows], f.type) for f in schema}
    builder = table.new_batch_write_builder()
    writer, commit = builder.new_write(), builder.new_commit()
    writer.write_arrow(pa.table(columns, schema=schema))
    commit.commit(writer.prepare_commit())
    writer.close()
    commit.close()


if sys.argv[1] == "read":
    read(sys.argv[2:])
elif sys.argv[1] == "lookup":
    lookup(*sys.argv[2:5])
else:
    write(sys.argv[2], sys.argv[3])
