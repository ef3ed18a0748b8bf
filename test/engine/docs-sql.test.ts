/** Every example of docs/sql.md, in the order of the page: it runs, fails as the page says, and answers what the page shows. */
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';
import {WarehouseError} from '../../base/error.ts';
import {Warehouse} from '../../engine/warehouse.ts';
import {jsonRow} from '../../server/json.ts';
import {temporaryFolder} from '../support/temporary.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/sql.md'), 'utf8');

interface Example {
  readonly sql: string;
  readonly line: number;
  readonly fails: string | undefined;
  readonly answers: unknown;
}

/** Blocks ```sql, ```sql fails CODE, and a ```json block directly after one. */
function examples(): Example[] {
  const found: Example[] = [];
  for (const match of text.matchAll(/^```sql(?: fails (\w+))?\n([\s\S]*?)^```\n(?:\n```json\n([\s\S]*?)^```\n)?/gm)) {
    found.push({sql: match[2]!, line: text.slice(0, match.index).split('\n').length, fails: match[1], answers: match[3] === undefined ? undefined : JSON.parse(match[3])});
  }
  return found;
}

test('docs: every example of docs/sql.md does what the page says', async (t) => {
  const all = examples();
  assert.equal(all.length, [...text.matchAll(/^```sql/gm)].length);
  assert.ok(all.length >= 20 && all.some(({fails}) => fails !== undefined) && all.some(({answers}) => answers !== undefined));
  await using wh = await Warehouse.open({path: temporaryFolder(t)});
  for (const {sql, line, fails, answers} of all) {
    const where = `docs/sql.md:${line}`;
    try {
      const {rows} = await wh.sql(sql);
      assert.equal(fails, undefined, `${where} does not fail`);
      if (answers !== undefined) assert.deepEqual(rows.map(jsonRow), answers, where);
    } catch (cause) {
      if (!(cause instanceof WarehouseError)) throw cause;
      assert.equal(cause.code, fails, `${where}: ${cause.code} ${cause.message}`);
    }
  }
  for (const {equal, table} of (await wh.sql('VERIFY ALL')).rows) assert.equal(equal, true, String(table));
});
