"""pypaimon for many commands: a line of standard input is a JSON array of words, the answer a line {"ok", "bytes"} and that many bytes.

usage: session.py FOLDER        FOLDER holds canon.py, the canonical form of values
commands: read TABLE [option=value …]           canonical lines, sorted
          lookup TABLE COLUMN JSON              how many rows an equality filter gives, for each of a list of values; prunes buckets and files
          write TABLE FILE.ndjson               rows in one commit; overwrite TABLE FILE.ndjson
          digest TABLE                          {"rows", "sha256"} over the sorted canonical lines
"""
import hashlib
import json
import sys

sys.path.insert(0, sys.argv[1])
import pyarrow as pa  # noqa: E402
from canon import lines, open_table, parse, value  # noqa: E402
from pypaimon.schema.data_types import PyarrowFieldParser  # noqa: E402


def arrow(table, predicate=None):
    builder = table.new_read_builder()
    if predicate:
        builder = builder.with_filter(predicate(builder.new_predicate_builder()))
    return builder.new_read().to_arrow(builder.new_scan().plan().splits())


def read(path, *options):
    return "\n".join(sorted(lines(arrow(open_table(path, dict(o.split("=", 1) for o in options))))))


def lookup(path, column, text):
    table = open_table(path)
    kind = PyarrowFieldParser.from_paimon_schema(table.fields).field(column).type
    counts = []
    for wanted in json.loads(text):
        rows = arrow(table, lambda predicates: predicates.equal(column, parse(wanted, kind)))
        counts.append(sum(1 for v in rows.column(column).to_pylist() if value(v, kind) == wanted))
    return json.dumps(counts)


def write(path, file, overwrite=False):
    table = open_table(path)
    schema = PyarrowFieldParser.from_paimon_schema(table.fields)
    with open(file, encoding="utf-8") as content:
        rows = [json.loads(line) for line in content if line.strip()]
    data = {f.name: pa.array([parse(r.get(f.name), f.type) for r in rows], f.type) for f in schema}
    builder = table.new_batch_write_builder()
    if overwrite:
        builder = builder.overwrite()
    writer, commit = builder.new_write(), builder.new_commit()
    writer.write_arrow(pa.table(data, schema=schema))
    commit.commit(writer.prepare_commit())
    writer.close()
    commit.close()
    return ""


def digest(path):
    content = sorted(lines(arrow(open_table(path))))
    text = "".join(line + "\n" for line in content)
    return json.dumps({"rows": len(content), "sha256": hashlib.sha256(text.encode()).hexdigest()})


commands = {"read": read, "lookup": lookup, "write": write, "overwrite": lambda path, file: write(path, file, True), "digest": digest}
answers = sys.stdout.buffer
sys.stdout = sys.stderr
for line in sys.stdin:
    name, *words = json.loads(line)
    try:
        ok, text = True, commands[name](*words)
    except Exception as failure:  # the other commands still count
        ok, text = False, f"{type(failure).__name__}: {failure}"
    content = text.encode()
    answers.write(f'{{"ok":{str(ok).lower()},"bytes":{len(content)}}}\n'.encode() + content)
    answers.flush()
