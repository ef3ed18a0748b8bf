/**
 * Statements that are recognised and refused by name: those of the dialect that this version does not do yet (`MR_UNSUPPORTED`),
 * and those of DuckDB that reach past the warehouse (`MR_NOT_ALLOWED`), each with what to use instead.
 */
import {WarehouseError} from '../../base/error.ts';
import type {Cursor} from './cursor.ts';
import {placeText} from './place.ts';

interface Refusal {
  readonly words: readonly string[];
  readonly hint?: string;
}

/** Longer forms before their beginnings. */
const unsupported: readonly Refusal[] = [
  {words: ['SUBSCRIBE'], hint: 'use `millrace subscribe`, GET /v1/tables/{t}/changes or Warehouse.subscribe()'},
  {words: ['DECLARE']},
  {words: ['MERGE'], hint: 'an INSERT into a table with PRIMARY KEY inserts or overwrites; UPDATE … FROM and DELETE … USING do the rest'},
  {words: ['CREATE', 'SOURCE'], hint: 'load rows with INSERT, `millrace ingest` or POST /v1/tables/{t}/rows'},
  {words: ['CREATE', 'SINK'], hint: 'follow the table with a subscription'},
  {words: ['CREATE', 'BRANCH']},
  {words: ['CREATE', 'SECRET']},
  {words: ['CREATE', 'VIEW'], hint: 'CREATE DYNAMIC TABLE keeps a query as a table'},
  {words: ['CREATE', 'INDEX'], hint: 'a PRIMARY KEY is the index of a table'},
  {words: ['CREATE', 'UNIQUE', 'INDEX'], hint: 'a PRIMARY KEY is the index of a table'},
  {words: ['CREATE', 'MACRO'], hint: 'write its text into the query'},
  {words: ['CREATE', 'FUNCTION'], hint: 'write its text into the query'},
  {words: ['CREATE', 'SEQUENCE']},
  {words: ['CREATE', 'TYPE'], hint: 'declare the column as VARCHAR'},
  {words: ['CREATE', 'DATABASE'], hint: 'a warehouse is one database: CREATE SCHEMA'},
  {words: ['CREATE', 'TEMP'], hint: 'use WITH … AS (…) in the query'},
  {words: ['CREATE', 'TEMPORARY'], hint: 'use WITH … AS (…) in the query'},
  {words: ['CREATE', 'OR', 'REPLACE'], hint: 'DROP it first, then CREATE it'},
  {words: ['DROP', 'SOURCE']},
  {words: ['DROP', 'SINK']},
  {words: ['DROP', 'BRANCH']},
  {words: ['DROP', 'VIEW'], hint: 'DROP DYNAMIC TABLE drops a dynamic table'},
  {words: ['ALTER', 'DYNAMIC', 'TABLE'], hint: 'its columns are those of its definition: DROP it and CREATE it anew'},
  {words: ['ALTER', 'MATERIALIZED'], hint: 'its columns are those of its definition: DROP it and CREATE it anew'},
  {words: ['ALTER', 'SCHEMA'], hint: 'CREATE a schema of the new name and move its tables by INSERT … SELECT'},
  {words: ['ALTER', 'DATABASE'], hint: 'a warehouse is one database'},
  {words: ['ALTER', 'VIEW'], hint: 'DROP DYNAMIC TABLE and CREATE it anew'},
  {words: ['ALTER', 'SOURCE']},
  {words: ['ALTER', 'SINK']},
  {words: ['ALTER', 'SUBSCRIPTION']},
  {words: ['ALTER', 'SEQUENCE']},
  {words: ['TRUNCATE'], hint: 'DELETE FROM t removes all rows'},
  {words: ['COMMENT', 'ON', 'SCHEMA']},
  {words: ['COMMENT', 'ON', 'VIEW'], hint: 'COMMENT ON TABLE takes dynamic tables too'},
  {words: ['COMMENT', 'ON', 'INDEX']},
  {words: ['BACKFILL'], hint: 'a correction of the inputs reaches dynamic tables by itself'},
  {words: ['PREVIEW'], hint: 'run the SELECT itself'},
  {words: ['DIFF', 'BRANCH']},
  {words: ['PUBLISH']},
  {words: ['USE', 'BRANCH']},
  {words: ['REFRESH'], hint: 'dynamic tables are always up to date'},
  {words: ['SAVEPOINT']},
  {words: ['RELEASE']},
  {words: ['PIVOT'], hint: 'write SELECT * FROM (PIVOT t ON column IN (…) USING …)'},
  {words: ['UNPIVOT'], hint: 'write SELECT * FROM (UNPIVOT t ON columns INTO NAME … VALUE …)'},
  {words: ['GRANT']},
  {words: ['REVOKE']},
  {words: ['LOCK'], hint: 'a transaction reads one epoch'},
];

const notAllowed: readonly Refusal[] = [
  {words: ['ATTACH'], hint: 'load data with INSERT INTO t SELECT * FROM read_parquet(…) or `millrace ingest`'},
  {words: ['DETACH'], hint: 'close the warehouse instead'},
  {words: ['COPY'], hint: 'load with INSERT INTO t SELECT * FROM read_csv(…) or `millrace ingest`; write with `millrace sql --format csv|ndjson|arrow`'},
  {words: ['EXPORT'], hint: 'tables are Apache Paimon tables on disk: open them with any engine, or `millrace backup`'},
  {words: ['IMPORT'], hint: 'load rows with INSERT or `millrace ingest`'},
  {words: ['PRAGMA'], hint: 'SHOW and DESCRIBE list what exists; SET changes a setting of the warehouse'},
  {words: ['INSTALL'], hint: 'a warehouse uses no DuckDB extensions'},
  {words: ['LOAD'], hint: 'a warehouse uses no DuckDB extensions'},
  {words: ['CALL'], hint: 'write a SELECT'},
  {words: ['USE'], hint: 'write schema.table; a name without schema is in main'},
  {words: ['PREPARE'], hint: 'pass parameters with the statement'},
  {words: ['EXECUTE'], hint: 'pass parameters with the statement'},
  {words: ['DEALLOCATE'], hint: 'pass parameters with the statement'},
  {words: ['VACUUM'], hint: 'compaction runs by itself'},
  {words: ['ANALYZE'], hint: 'statistics are kept by themselves'},
  {words: ['REINDEX'], hint: 'a PRIMARY KEY is the index of a table'},
  {words: ['FORCE', 'CHECKPOINT'], hint: 'write CHECKPOINT'},
  {words: ['UPDATE', 'EXTENSIONS'], hint: 'a warehouse uses no DuckDB extensions'},
  {words: ['DO'], hint: 'write the statements one by one'},
];

/** First words of statements, for spelling hints. */
export const statementWords: readonly string[] = [...new Set([
  'SELECT', 'WITH', 'VALUES', 'FROM', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'COMMENT', 'BEGIN', 'START', 'COMMIT', 'ROLLBACK', 'SET', 'RESET',
  'SHOW', 'DESCRIBE', 'SUMMARIZE', 'EXPLAIN', 'VERIFY', 'WAIT', 'CHECKPOINT', 'FETCH', ...unsupported.map((refusal) => refusal.words[0]!), ...notAllowed.map((refusal) => refusal.words[0]!),
])];

/** @throws {WarehouseError} `MR_UNSUPPORTED` or `MR_NOT_ALLOWED` when the statement at the cursor is one of these. */
export function refuseByName(cursor: Cursor): void {
  const later = unsupported.find((refusal) => cursor.sees(...refusal.words));
  if (later !== undefined) throw cursor.unsupported(later.words.join(' '), later.hint);
  const never = notAllowed.find((refusal) => cursor.sees(...refusal.words));
  if (never !== undefined) {
    const place = placeText(cursor.tokens.source, cursor.tokens.start(cursor.index));
    throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `${never.words.join(' ')} is not allowed in a warehouse, at ${place}`, {hint: never.hint});
  }
}
