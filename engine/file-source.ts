/** Rows of files by column, through an engine of their own: for replaying a file into a warehouse as a stream. */
import type {Column} from '../base/delta.ts';
import type {LogicalType} from '../base/type.ts';
import {Kernel} from '../kernel/duckdb.ts';
import {Batcher} from './batcher.ts';

export interface ColumnBatch {
  readonly columns: readonly Column[];
  readonly rowCount: number;
}

/** @param sql a SELECT whose columns are of `types`, in order. @param batchRows rows of every batch but the last. */
export async function* rowsOfQuery(sql: string, types: readonly LogicalType[], batchRows: number): AsyncGenerator<ColumnBatch> {
  const kernel = await Kernel.open({threads: 1, memoryBytes: 512 * 1024 * 1024});
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
