/** A bank: transfers among accounts, and layers of it in which money can neither appear nor vanish at any epoch that anybody sees. */
import assert from 'node:assert/strict';
import type {Warehouse} from '../../engine/warehouse.ts';
import type {Row} from '../../base/value.ts';
import type {Random} from './random.ts';

export const accountCount = 1000;

export const bankSetUp = `
CREATE SCHEMA bank; CREATE SCHEMA dwd; CREATE SCHEMA dws;
CREATE TABLE bank.accounts (id INTEGER PRIMARY KEY, branch INTEGER);
CREATE TABLE bank.transfers (id BIGINT PRIMARY KEY, source INTEGER, target INTEGER, amount BIGINT);
INSERT INTO bank.accounts SELECT range, range % 7 FROM range(${accountCount});
CREATE DYNAMIC TABLE dwd.credits AS SELECT target AS account, sum(amount) AS amount FROM bank.transfers GROUP BY target;
CREATE DYNAMIC TABLE dwd.debits AS SELECT source AS account, sum(amount) AS amount FROM bank.transfers GROUP BY source;
CREATE DYNAMIC TABLE dws.balance AS SELECT a.id, a.branch, coalesce(c.amount, 0) - coalesce(d.amount, 0) AS balance
  FROM bank.accounts a LEFT JOIN dwd.credits c ON c.account = a.id LEFT JOIN dwd.debits d ON d.account = a.id;
CREATE DYNAMIC TABLE dws.total AS SELECT count(*) AS accounts, sum(balance) AS total FROM dws.balance;
`;
export const bankLayers = ['dwd.credits', 'dwd.debits', 'dws.balance', 'dws.total'];

/** Makes transfers, corrects some, takes some back. Ids are the writer's own, so that writers do not meet. */
export class Teller {
  readonly #random: Random;
  readonly #base: number;
  #next = 0;
  #open: number[] = [];

  constructor(random: Random, number: number) {
    this.#random = random;
    this.#base = number * 1_000_000;
  }

  /** One epoch's work at most. */
  async work(warehouse: Warehouse): Promise<number> {
    const random = this.#random;
    const choice = random.integer(0, 9);
    if (choice < 7 || this.#open.length < 5) {
      const rows = Array.from({length: random.chance(0.2) ? random.integer(50, 200) : random.integer(1, 5)}, () => {
        const id = this.#base + this.#next++;
        this.#open.push(id);
        return {id, source: random.integer(0, accountCount - 1), target: random.integer(0, accountCount - 1), amount: random.integer(1, 1_000_000)};
      });
      return (await warehouse.insert('bank.transfers', rows)).epoch;
    }
    if (choice === 7) {
      const [id] = this.#open.splice(random.integer(0, this.#open.length - 1), 1);
      return (await warehouse.sql('DELETE FROM bank.transfers WHERE id = $1', [id])).epoch;
    }
    if (choice === 8) return (await warehouse.sql('UPDATE bank.transfers SET amount = amount + 7, target = (target + 1) % 1000 WHERE id IN ($1, $2)', [random.pick(this.#open), random.pick(this.#open)])).epoch;
    const [first, second] = [random.pick(this.#open), this.#base + this.#next++];
    this.#open.push(second);
    return (await warehouse.sql(`BEGIN; UPDATE bank.transfers SET amount = 1 WHERE id = ${first}; INSERT INTO bank.transfers VALUES (${second}, 1, 2, 5); COMMIT`)).epoch;
  }
}

/** Several statements of one transaction see one epoch, and in it the books are even, layer by layer. @returns the epoch. */
export async function audit(warehouse: Warehouse): Promise<number> {
  const session = await warehouse.session();
  try {
    const {epoch} = await session.sql('BEGIN READ ONLY');
    const one = async (sql: string): Promise<Row> => {
      const result = await session.sql(sql);
      assert.equal(result.epoch, epoch, 'one transaction, one epoch');
      return result.rows[0]!;
    };
    const transfers = await one('SELECT coalesce(sum(amount), 0) AS amount FROM bank.transfers');
    const credits = await one('SELECT coalesce(sum(amount), 0) AS amount FROM dwd.credits');
    const debits = await one('SELECT coalesce(sum(amount), 0) AS amount FROM dwd.debits');
    const total = await one('SELECT accounts, total FROM dws.total');
    const wrong = await one(`SELECT count(*) AS n FROM dws.balance b WHERE balance <>
      coalesce((SELECT sum(amount) FROM bank.transfers WHERE target = b.id), 0) - coalesce((SELECT sum(amount) FROM bank.transfers WHERE source = b.id), 0)`);
    const at = `at epoch ${epoch}`;
    assert.equal(String(credits['amount']), String(debits['amount']), `credits = debits ${at}`);
    assert.equal(String(credits['amount']), String(transfers['amount']), `credits = transfers ${at}`);
    assert.deepEqual([total['accounts'], String(total['total'])], [BigInt(accountCount), '0'], `total ${at}`);
    assert.equal(wrong['n'], 0n, `balances of one epoch ${at}`);
    await session.sql('COMMIT');
    return epoch;
  } finally {
    await session.close();
  }
}

/** A subscriber's own copy of the layers, folded change by change; even after every epoch. Goes on over restarts from where it stands. */
export class Auditor {
  readonly #rows = new Map<string, Map<string, bigint>>(bankLayers.map((layer) => [layer, new Map()]));
  readonly #sums = new Map<string, bigint>(bankLayers.map((layer) => [layer, 0n]));
  epoch = -1;
  epochs = 0;
  restarts = -1;

  /** Follows until `until`, or until the warehouse closes. */
  async follow(warehouse: Warehouse, until: number | null): Promise<void> {
    this.restarts++;
    try {
      for await (const {epoch, changes, complete} of warehouse.subscribe(bankLayers, {from: this.epoch === -1 ? 'snapshot' : this.epoch, until})) {
        assert.ok(epoch >= this.epoch, `epoch ${epoch} after ${this.epoch}`);
        for (const {table, op, row} of changes) this.#apply(table, op, row);
        if (!complete) continue;
        assert.ok(epoch > this.epoch, `epoch ${epoch} twice`);
        this.epoch = epoch;
        this.epochs++;
        this.check();
      }
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'MR_CLOSED')) throw cause;
    }
  }

  #apply(table: string, op: string, row: Row): void {
    const rows = this.#rows.get(table)!;
    const key = String(row['account'] ?? row['id'] ?? '');
    const value = BigInt(String(row['amount'] ?? row['balance'] ?? row['total']));
    if (op === '+I' || op === '+U') {
      assert.ok(!rows.has(key), `${table} ${key} comes twice`);
      rows.set(key, value);
      this.#sums.set(table, this.#sums.get(table)! + value);
    } else {
      assert.equal(rows.get(key), value, `${op} of ${table} ${key}`);
      rows.delete(key);
      this.#sums.set(table, this.#sums.get(table)! - value);
    }
  }

  check(): void {
    const at = `at epoch ${this.epoch}`;
    assert.equal(this.#sums.get('dwd.credits'), this.#sums.get('dwd.debits'), `credits = debits ${at}`);
    assert.equal(this.#sums.get('dws.balance'), 0n, `sum of balances ${at}`);
    assert.equal(this.#rows.get('dws.total')!.size, 1, `rows of the total ${at}`);
    assert.equal(this.#sums.get('dws.total'), 0n, `total ${at}`);
  }

  /** Every balance is its credits less its debits. */
  checkAll(): void {
    for (const [account, balance] of this.#rows.get('dws.balance')!) {
      assert.equal(balance, (this.#rows.get('dwd.credits')!.get(account) ?? 0n) - (this.#rows.get('dwd.debits')!.get(account) ?? 0n), `balance of ${account} at epoch ${this.epoch}`);
    }
  }
}
