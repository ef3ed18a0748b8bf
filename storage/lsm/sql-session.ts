/** What this folder needs of a kernel session (kernel/session.ts): statements one after the other on one connection. */
import type {Row, Value} from '../../base/value.ts';

export interface SqlSession {
  run(sql: string): Promise<unknown>;
  rows(sql: string): Promise<{readonly columns: readonly {readonly name: string}[]; readonly rows: readonly (readonly Value[])[]}>;
}

/** @returns the rows of a small result by column name. */
export async function namedRows(session: SqlSession, sql: string): Promise<Row[]> {
  const {columns, rows} = await session.rows(sql);
  return rows.map((row) => Object.fromEntries(columns.map(({name}, i) => [name, row[i]!])));
}
