/**
 * Reading a table from end to end in its stable order (scan-sql.ts), in bounded memory: instead of one statement that sorts all rows
 * a list of statements, whose rows follow each other in that order. A large bucket is cut into ranges of its first key column that is
 * no partition column, at the least values of row groups, which Parquet's footers hold: files are sorted, so a range opens few of them.
 *
 * A bag of several buckets is cut so as a whole: its order is that of its keys, whatever their bucket.
 *
 * However a table is cut, the order is the same: keys of a bucket are unique, and ranges stand in their order.
 */
import {typeText} from '../../base/type.ts';
import {orderedScanRows} from '../../base/limit.ts';
import {quoteIdentifier, quoteLiteral} from '../../kernel/quote.ts';
import type {Session} from '../../kernel/session.ts';
import {logicalType, type DataField} from '../paimon/data-type.ts';
import {pathListSql} from './column-sql.ts';
import type {PaimonTable} from './paimon-table.ts';
import type {BucketPlan, ScanPlan} from './scan-plan.ts';
import {scanSql, type KeyRange, type ScanOptions} from './scan-sql.ts';

/** Types of which the text that a footer gives can be cast back, and whose order is that of the files. */
const rangeKinds = new Set(['tinyint', 'smallint', 'integer', 'bigint', 'date', 'timestamp', 'varchar']);

/**
 * @param session reads footers.
 * @param options.ordered which order; the stable one unless given.
 * @param options.pieceRows about how many rows one statement sorts.
 * @returns SELECTs whose rows, one after the other, are those of `scanSql` with `ordered`.
 */
export async function orderedScan(session: Session, table: PaimonTable, plan: ScanPlan, options: ScanOptions & {readonly pieceRows?: number} = {}): Promise<string[]> {
  const {pieceRows = orderedScanRows, ...scan} = options;
  const piece = (buckets: readonly BucketPlan[], range?: KeyRange): string => scanSql(table, {...plan, buckets}, {ordered: true, ...scan, ...(range === undefined ? {} : {range})});
  const byKey = scan.ordered === 'key' && plan.buckets.length > 1;
  if (table.keyFields.length === 0 || plan.buckets.length === 0 || (!byKey && inOrder(plan.buckets))) return [piece(plan.buckets)];
  if (byKey) {
    if (plan.rowCount <= pieceRows) return [piece(plan.buckets)];
    return (await keyRanges(session, table.keyFields[0], plan.buckets, pieceRows)).map((range) => piece(plan.buckets, range));
  }
  const ranged = table.keyFields.find(({id}) => !table.partitionFields.some((partition) => partition.id === id));
  const pieces: string[] = [];
  let together: BucketPlan[] = [];
  let rows = 0;
  const flush = (): void => {
    if (together.length > 0) pieces.push(piece(together));
    together = [];
    rows = 0;
  };
  for (const bucket of plan.buckets) {
    const count = rowsOf(bucket);
    if (rows + count > pieceRows) flush();
    if (count <= pieceRows || inOrder([bucket])) {
      together.push(bucket);
      rows += count;
      continue;
    }
    for (const range of await keyRanges(session, ranged, [bucket], pieceRows)) pieces.push(piece([bucket], range));
  }
  flush();
  return pieces;
}

/** Whether the files of buckets give the order by themselves. */
function inOrder(buckets: readonly BucketPlan[]): boolean {
  return buckets.every((bucket) => bucket.inKeyOrder && bucket.sections.every(({kind}) => kind === 'raw'));
}

function rowsOf({sections}: BucketPlan): number {
  let rows = 0;
  for (const {runs} of sections) for (const run of runs) for (const {entry} of run) rows += entry.file.rowCount;
  return rows;
}

/** @returns ranges in order that together hold every key; one without ends where nothing says how to cut. */
async function keyRanges(session: Session, field: DataField | undefined, buckets: readonly BucketPlan[], pieceRows: number): Promise<(KeyRange | undefined)[]> {
  const type = field === undefined ? undefined : logicalType(field.type);
  if (field === undefined || type === undefined || !rangeKinds.has(type.kind)) return [undefined];
  const files = buckets.flatMap(({sections}) => sections.flatMap(({runs}) => runs.at(-1)!)).map(({path}) => path);
  const cuts = await cutValues(session, field, typeText(type), files, pieceRows);
  if (cuts.length === 0) return [undefined];
  const column = quoteIdentifier(field.name);
  const literal = (value: string): string => `CAST(${quoteLiteral(value)} AS ${typeText(type)})`;
  return [...cuts, null].map((cut, index): KeyRange => ({
    column,
    ...(index === 0 ? {} : {from: literal(cuts[index - 1]!)}),
    ...(cut === null ? {} : {to: literal(cut)}),
  }));
}

/** @returns least values of row groups, rising, about `pieceRows` rows apart. */
async function cutValues(session: Session, field: DataField, type: string, files: readonly string[], pieceRows: number): Promise<string[]> {
  const least = `SELECT TRY_CAST(coalesce(stats_min_value, stats_min) AS ${type}) AS least, row_group_num_rows AS n FROM parquet_metadata(${pathListSql(files)}) WHERE path_in_schema = ${quoteLiteral(field.name)}`;
  const {rows} = await session.rows(`SELECT least::VARCHAR AS least, sum(n)::BIGINT AS n FROM (${least}) AS groups WHERE least IS NOT NULL GROUP BY groups.least ORDER BY groups.least`);
  const cuts: string[] = [];
  let count = 0;
  for (const [value, groupRows] of rows.map((row) => [String(row[0]), Number(row[1])] as const)) {
    if (count >= pieceRows) {
      cuts.push(value);
      count = 0;
    }
    count += groupRows;
  }
  return cuts;
}
