/**
 * The net change of several epochs: for a keyed table one step per key, from what the key's row was before the first change to what it
 * is after the last; for other tables what was added more often than taken, or taken more often than added. A consumer that is behind
 * catches up in as many changes as there are keys, not as there were updates.
 *
 * DuckDB does it, over the columns as they are: per key the first change, if it took a row away, is the row before; the last, if it
 * brought one, is the row after. It may spill.
 */
import {invariant} from '../base/invariant.ts';
import {OP_DELETE, OP_INSERT, OP_UPDATE_AFTER, OP_UPDATE_BEFORE, type Column} from '../base/delta.ts';
import {gatherColumns} from '../base/columns.ts';
import type {Epoch} from '../base/epoch.ts';
import {publishSliceRows} from '../base/limit.ts';
import type {LogicalType} from '../base/type.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {Session} from '../kernel/session.ts';
import type {ChangePart, VisibleShape} from './change-rows.ts';
import type {ColumnItem} from './subscription.ts';

/**
 * @param session of the serve instance, the caller's for as long as this takes.
 * @param items whole epochs, in order.
 * @returns one item, of the last epoch: its parts in the order in which the tables first changed. A table that was altered in between has
 *   a net change before and one after it.
 */
export async function netChange(session: Session, items: readonly ColumnItem[]): Promise<ColumnItem> {
  const byShape = new Map<VisibleShape, ChangePart[]>();
  for (const {parts} of items) {
    for (const part of parts) {
      const parts = byShape.get(part.shape);
      if (parts === undefined) byShape.set(part.shape, [part]);
      else parts.push(part);
    }
  }
  const epoch: Epoch | undefined = items.at(-1)?.epoch;
  invariant(epoch !== undefined, 'the net change of no epochs');
  const parts: ChangePart[] = [];
  for (const [shape, changes] of byShape) for await (const part of netOf(session, shape, changes)) parts.push(part);
  return {epoch, parts, complete: true};
}

let relations = 0;

async function* netOf(session: Session, shape: VisibleShape, parts: readonly ChangePart[]): AsyncGenerator<ChangePart> {
  const name = `mr_net_${relations++}`; // names are the whole instance's
  const pieces: RelationPiece[] = [];
  let first = 0;
  for (const part of parts) {
    pieces.push(pieceOf(part, first));
    first += part.end - part.start;
  }
  const tiny: LogicalType = {kind: 'tinyint'};
  // By position, so that no column of the user's can be taken for one of these.
  const columns = [{name: '_o', type: tiny}, {name: '_n', type: {kind: 'bigint'} as const}, ...shape.types.map((type, index) => ({name: `c${index}`, type}))];
  session.bindRelation(name, relationOfPieces(columns, pieces, publishSliceRows));
  try {
    const sql = shape.key === null ? weightSql(name, shape.types.length) : keyedSql(name, shape.types.length, shape.key);
    const stream = await session.stream(sql, [], {types: [tiny, ...shape.types]});
    try {
      for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
        const [op, ...values] = chunk.columns;
        invariant(op?.kind === 'i32', 'operations come as small integers');
        yield {shape, ops: Uint8Array.from(op.data.subarray(0, chunk.rowCount)), columns: values, rows: null, start: 0, end: chunk.rowCount};
      }
    } finally {
      await stream.close();
    }
  } finally {
    session.unbindRelation(name);
  }
}

function list(count: number, from: string): string {
  return Array.from({length: count}, (_, index) => `${from}.${quoteIdentifier(`c${index}`)}`).join(', ');
}

function keyedSql(name: string, count: number, keys: readonly number[]): string {
  const key = keys.map((index) => `c${index}`);
  const edge = (order: string, ops: readonly number[]): string =>
    `SELECT * FROM (SELECT * FROM c QUALIFY row_number() OVER (PARTITION BY ${key.join(', ')} ORDER BY _n ${order}) = 1) WHERE _o IN (${ops.join(', ')})`;
  const on = key.map((column) => `b.${column} = a.${column}`).join(' AND ');
  return `WITH c AS MATERIALIZED (SELECT * FROM mr_rows('${name}')),
    b AS (${edge('ASC', [OP_UPDATE_BEFORE, OP_DELETE])}), a AS (${edge('DESC', [OP_INSERT, OP_UPDATE_AFTER])}),
    j AS MATERIALIZED (SELECT b, a FROM b FULL JOIN a ON ${on} WHERE b._n IS NULL OR a._n IS NULL OR ROW(${list(count, 'b')}) IS DISTINCT FROM ROW(${list(count, 'a')}))
    SELECT _o, ${list(count, 'r')} FROM (
      SELECT CASE WHEN a._n IS NULL THEN ${OP_DELETE} ELSE ${OP_UPDATE_BEFORE} END::TINYINT AS _o, b._n AS _n, 0 AS side, ${list(count, 'b')} FROM j WHERE b._n IS NOT NULL
      UNION ALL SELECT CASE WHEN b._n IS NULL THEN ${OP_INSERT} ELSE ${OP_UPDATE_AFTER} END::TINYINT, coalesce(b._n, a._n), 1, ${list(count, 'a')} FROM j WHERE a._n IS NOT NULL
    ) r ORDER BY _n, side`;
}

function weightSql(name: string, count: number): string {
  return `SELECT (CASE WHEN w < 0 THEN ${OP_DELETE} ELSE ${OP_INSERT} END)::TINYINT AS _o, ${list(count, 'r')} FROM (
      SELECT sum(CASE WHEN _o IN (${OP_UPDATE_BEFORE}, ${OP_DELETE}) THEN -1 ELSE 1 END)::BIGINT AS w, min(_n) AS _n, ${list(count, 'c')}
      FROM mr_rows('${name}') c GROUP BY ${list(count, 'c')} HAVING w <> 0) r, range(abs(w)) ORDER BY w > 0, _n`;
}

function pieceOf({ops, columns, rows, start, end}: ChangePart, first: number): RelationPiece {
  const count = end - start;
  const picked = new Int32Array(count);
  for (let i = 0; i < count; i++) picked[i] = rows === null ? start + i : rows[start + i]!;
  const op = new Int32Array(count);
  const number = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    op[i] = ops === null ? OP_INSERT : ops[picked[i]!]!;
    number[i] = first + i;
  }
  const head: Column[] = [{kind: 'i32', data: op, valid: null}, {kind: 'f64', data: number, valid: null, bound: first + count}];
  return {columns: [...head, ...gatherColumns(columns, picked, count)], rowCount: count};
}
