/**
 * The three-layer workload of E1 and E2: orders (upserts and deletes by key: 25 % insert, 50 % update, 25 % delete, uniform keys; 8
 * columns) joined with customers (1 % of an epoch are customers, each re-emitting all its orders), filtered and computed; grouped by
 * customer and day; grouped by region. Deterministic by seed.
 */
import {Arena} from '../base/arena.ts';
import type {Column} from '../base/delta.ts';
import {Warehouse} from '../engine/warehouse.ts';

export const layers = `
CREATE SCHEMA ods; CREATE SCHEMA dwd; CREATE SCHEMA dws;
CREATE TABLE ods.orders (id BIGINT PRIMARY KEY, customer INTEGER NOT NULL, amount DECIMAL(12,2) NOT NULL, discount DECIMAL(4,2) NOT NULL, status INTEGER NOT NULL, created TIMESTAMP NOT NULL, channel INTEGER NOT NULL, note VARCHAR);
CREATE TABLE ods.customers (id INTEGER PRIMARY KEY, region INTEGER NOT NULL, name VARCHAR);
CREATE DYNAMIC TABLE dwd.orders AS
  SELECT o.id, o.customer, c.region, o.amount * (1 - o.discount) AS net, date_trunc('day', o.created) AS day,
         CASE WHEN o.amount >= 100 THEN 2 WHEN o.amount >= 10 THEN 1 ELSE 0 END AS size, o.note
  FROM ods.orders o JOIN ods.customers c ON c.id = o.customer WHERE o.status <> 3;
CREATE DYNAMIC TABLE dws.customer_day AS SELECT customer, day, count(*) AS orders, sum(net) AS net, max(net) AS net_max FROM dwd.orders GROUP BY customer, day;
CREATE DYNAMIC TABLE dws.region AS SELECT region, count(*) AS orders, sum(net) AS net, max(net) AS net_max FROM dwd.orders GROUP BY region;`;

/** xorshift32: the same rows on every machine. */
export class Numbers {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
}

const letters = new TextEncoder().encode('abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz');
const lettersArena = Arena.wrap(letters);

function text(numbers: Numbers, rowCount: number): Column {
  const address = new Float64Array(rowCount);
  const length = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    address[i] = numbers.below(30);
    length[i] = 10 + numbers.below(20);
  }
  return {kind: 'bytes', arena: lettersArena, address, length, valid: null};
}

function exact(rowCount: number, bound: number, value: (i: number) => number): Column {
  const data = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) data[i] = value(i);
  return {kind: 'f64', data, valid: null, bound};
}

function integers(rowCount: number, value: (i: number) => number): Column {
  const data = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) data[i] = value(i);
  return {kind: 'i32', data, valid: null};
}

export function orderColumns(numbers: Numbers, ids: Float64Array, customers: number): Column[] {
  const n = ids.length;
  return [
    {kind: 'f64', data: ids, valid: null, bound: Number.MAX_SAFE_INTEGER},
    integers(n, () => numbers.below(customers)), exact(n, 1e8, () => 100 + numbers.below(99_999)), exact(n, 9999, () => numbers.below(50)),
    integers(n, () => numbers.below(5)), exact(n, Number.MAX_SAFE_INTEGER, () => 1_700_000_000_000_000 + numbers.below(86_400 * 60) * 1_000_000), integers(n, () => numbers.below(6)), text(numbers, n),
  ];
}

export function customerColumns(numbers: Numbers, ids: Int32Array): Column[] {
  return [{kind: 'i32', data: ids, valid: null}, integers(ids.length, () => numbers.below(26)), text(numbers, ids.length)];
}

/** Fills a new warehouse with `orders` orders and a tenth as many customers. */
export async function openOrders(path: string, orders: number, numbers: Numbers, stateRestBytes?: number): Promise<Warehouse> {
  const warehouse = await Warehouse.open({path, checkpointBytes: 256 * 1024 * 1024, ...(stateRestBytes === undefined ? {} : {stateRestBytes})});
  await warehouse.sql(layers);
  const customers = Math.max(1, Math.floor(orders / 10));
  const batch = 50_000;
  for (let start = 0; start < customers; start += batch) await warehouse.insertColumns('ods.customers', customerColumns(numbers, Int32Array.from({length: Math.min(batch, customers - start)}, (_, i) => start + i)), Math.min(batch, customers - start));
  for (let start = 0; start < orders; start += batch) {
    const count = Math.min(batch, orders - start);
    await warehouse.insertColumns('ods.orders', orderColumns(numbers, Float64Array.from({length: count}, (_, i) => start + i), customers), count);
  }
  return warehouse;
}

/** One epoch of `rows` input rows as writes. Ids below `idRange` exist with probability about ¾. */
export function randomWrites(numbers: Numbers, rows: number, idRange: number): Parameters<Warehouse['writeColumns']>[0] {
  const customers = Math.max(1, Math.floor(idRange / 10));
  const customerRows = rows >= 100 ? Math.floor(rows / 100) : 0;
  const deleteRows = Math.floor((rows - customerRows) / 4);
  const orderRows = rows - customerRows - deleteRows;
  const ids = (count: number): Float64Array => Float64Array.from({length: count}, () => numbers.below(idRange));
  const writes: {table: string; columns: Column[]; rowCount: number; delete?: boolean}[] = [{table: 'ods.orders', columns: orderColumns(numbers, ids(orderRows), customers), rowCount: orderRows}];
  if (deleteRows > 0) writes.push({table: 'ods.orders', columns: [exact(deleteRows, idRange, () => numbers.below(idRange))], rowCount: deleteRows, delete: true});
  if (customerRows > 0) writes.push({table: 'ods.customers', columns: customerColumns(numbers, Int32Array.from({length: customerRows}, () => numbers.below(customers))), rowCount: customerRows});
  return writes;
}
