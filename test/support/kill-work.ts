/**
 * What the children of the kill loop write, as pure functions: the k-th batch of every writer is known beforehand, a writer sends
 * batch k + 1 only when k was acknowledged. So after a kill the warehouse must hold, of each writer, all batches up to some number,
 * which is the last acknowledged one or the one after it, and the tables must hold exactly what those batches make.
 */
export const writers = [0, 1, 2, 3];
/** Writers that change several tables in one epoch; the others append only. */
const transactional = (writer: number): boolean => writer < 2;
export const rowsPerAppend = 8;
const itemsPerWriter = 40;

/** Dynamic tables with their SELECTs, in the order of their making. */
export const layers: ReadonlyMap<string, string> = new Map([
  ['dwd.item', 'SELECT i.key, i.amount, w.name FROM ods.items i JOIN ods.writers w ON w.id = i.w'],
  ['dws.total', 'SELECT name, count(*) AS n, sum(amount) AS amount, max(amount) AS most FROM dwd.item GROUP BY name'],
  ['dws.minute', 'SELECT window_start AS at, w, count(*) AS n, sum(i) AS total FROM TUMBLE(ods.log, ts, INTERVAL 1 MINUTE) GROUP BY window_start, w'],
  ['dws.shaped', 'SELECT v % 5 AS part, count(*) AS n, sum(v) AS v FROM ods.shaped GROUP BY v % 5'],
  ['dwd.amounts', 'SELECT amount FROM ods.items WHERE amount % 2 = 0'],
]);

/** One by one, each again if a kill came between any two of them: all say IF NOT EXISTS, or change nothing the second time. */
export const setUp: readonly string[] = [
  ...['ods', 'dwd', 'dws'].map((schema) => `CREATE SCHEMA IF NOT EXISTS ${schema}`),
  'CREATE TABLE IF NOT EXISTS ods.writers (id INTEGER PRIMARY KEY, name VARCHAR)',
  "CREATE TABLE IF NOT EXISTS ods.items (key INTEGER PRIMARY KEY, w INTEGER, k INTEGER, amount INTEGER) WITH ('bucket' = '2')",
  'CREATE TABLE IF NOT EXISTS ods.log (w INTEGER, k INTEGER, i INTEGER, ts TIMESTAMP)',
  'CREATE TABLE IF NOT EXISTS ods.shaped (id INTEGER PRIMARY KEY, v INTEGER)',
  `INSERT INTO ods.writers VALUES ${writers.map((writer) => `(${writer}, 'writer ${writer % 2}')`).join(', ')}`,
  'CREATE SUBSCRIPTION IF NOT EXISTS follower ON ods.items',
  ...[...layers].map(([name, select]) => `CREATE DYNAMIC TABLE IF NOT EXISTS ${name} AS ${select}`),
];

export interface Item {readonly k: number; readonly amount: number}

const itemKey = (writer: number, k: number): number => writer * 1000 + (k * 7) % itemsPerWriter;
const amountOf = (k: number): number => (k * 37) % 101;
const removedKey = (writer: number, k: number): number | null => (k % 5 === 4 ? writer * 1000 + (k * 3) % itemsPerWriter : null);
const timeOf = (k: number): string => new Date(Date.UTC(2026, 0, 1) + k * 1500).toISOString().replace('Z', '');

export type Batch =
  | {readonly kind: 'sql'; readonly sql: string}
  | {readonly kind: 'append'; readonly rows: {w: number; k: number; i: number; ts: string}[]};

/** @returns rows of `ods.log` that one batch of a writer has. */
export const logRows = (writer: number): number => (transactional(writer) ? 2 : rowsPerAppend);

export function batch(writer: number, k: number): Batch {
  if (!transactional(writer)) return {kind: 'append', rows: Array.from({length: rowsPerAppend}, (_, i) => ({w: writer, k, i, ts: timeOf(k)}))};
  const removed = removedKey(writer, k);
  return {kind: 'sql', sql: `BEGIN;
INSERT INTO ods.log VALUES (${writer}, ${k}, 0, '${timeOf(k)}'), (${writer}, ${k}, 1, '${timeOf(k)}');
INSERT INTO ods.items VALUES (${itemKey(writer, k)}, ${writer}, ${k}, ${amountOf(k)});
${removed === null ? '' : `DELETE FROM ods.items WHERE key = ${removed};`}
COMMIT`};
}

/** @returns the items of a writer after its batches 0 … last. */
export function itemsAfter(writer: number, last: number): Map<number, Item> {
  const items = new Map<number, Item>();
  if (!transactional(writer)) return items;
  for (let k = 0; k <= last; k++) {
    items.set(itemKey(writer, k), {k, amount: amountOf(k)});
    const removed = removedKey(writer, k);
    if (removed !== null) items.delete(removed);
  }
  return items;
}
