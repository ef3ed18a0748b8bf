/** Rows of files by column, through an engine of their own: for replaying a file into a warehouse as a stream. */
import type {Column} from '../base/delta.ts';
import {parseTypeText, type LogicalType} from '../base/type.ts';
import type {Row} from '../base/value.ts';
import {valueAt} from '../kernel/column-values.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {quoteIdentifier, quoteLiteral} from '../kernel/quote.ts';
import {Batcher} from './batcher.ts';

/** A reader of files takes at most this much beside the warehouse. */
const sourceMemoryBytes = 512 * 1024 * 1024;

export interface ColumnBatch {
  readonly columns: readonly Column[];
  readonly rowCount: number;
}

/** @param sql a SELECT whose columns are of `types`, in order. @param batchRows rows of every batch but the last. */
export async function* rowsOfQuery(sql: string, types: readonly LogicalType[], batchRows: number): AsyncGenerator<ColumnBatch> {
  const kernel = await Kernel.open({threads: 1, memoryBytes: sourceMemoryBytes});
  try {
    const session = await kernel.connect();
    const stream = await session.stream(sql, [], {types: [...types]});
    const batcher = new Batcher(types, batchRows);
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) yield* batcher.push(chunk);
    yield* batcher.end();
    await stream.close();
    await session.close();
  } finally {
    await kernel.close();
  }
}

/** Rows of a Parquet file; what no column could be (unsigned …) comes as text, and as JSON text where it is nested. */
export function rowsOfParquet(path: string): AsyncGenerator<Row[]> {
  return objectsOfQuery(`SELECT * FROM read_parquet(${quoteLiteral(path)})`);
}

async function* objectsOfQuery(sql: string): AsyncGenerator<Row[]> {
  const kernel = await Kernel.open({threads: 1, memoryBytes: sourceMemoryBytes});
  try {
    const session = await kernel.connect();
    const {rows: described} = await session.rows(`DESCRIBE ${sql}`);
    const columns = described.map(([name, type]) => ({name: String(name), type: parseTypeText(String(type)), isNested: /\]$|^(?:STRUCT|MAP)\(/.test(String(type))}));
    const list = columns.map(({name, type, isNested}) => (type === undefined ? `CAST(${quoteIdentifier(name)} AS ${isNested ? 'JSON' : 'VARCHAR'})::VARCHAR` : quoteIdentifier(name)));
    const types = columns.map(({type}): LogicalType => type ?? {kind: 'varchar'});
    const stream = await session.stream(`SELECT ${list.join(', ')} FROM (${sql})`, [], {types});
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
      const {columns: data, rowCount} = chunk;
      yield Array.from({length: rowCount}, (_, row) => Object.fromEntries(columns.map(({name}, index) => [name, valueAt(data[index]!, types[index]!, row)])));
    }
    await stream.close();
    await session.close();
  } finally {
    await kernel.close();
  }
}
