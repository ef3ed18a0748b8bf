/**
 * More work for the children of the kill loop, each a sequence of steps one after the other by one actor, so that after a kill the
 * warehouse must be as after the last acknowledged step, or after the one behind it.
 *
 * `shaped`: a table that changes form between its writes. `tag`: tags that come and go. And what a durable subscriber makes of the
 * changes that it is given: it takes each epoch once, whatever is delivered again.
 */
const columnsBefore = ['id INTEGER', 'v INTEGER'];

/** The n-th step on `ods.shaped`, as SQL. Every step changes columns or rows. */
export function shapeStep(step: number): string {
  const round = Math.floor(step / shapeSteps);
  const values = (ids: readonly number[], more: string): string => ids.map((id) => `(${id}, ${step}${more})`).join(', ');
  switch (step % shapeSteps) {
    case 0: return `INSERT INTO ods.shaped VALUES ${values([0, 1, 2].map((i) => (round * 3 + i) % 15), '')}`;
    case 1: return `ALTER TABLE ods.shaped ADD COLUMN c${round} INTEGER`;
    case 2: return `INSERT INTO ods.shaped VALUES ${values([round % 15, 20], `, ${step}`)}`;
    case 3: return `ALTER TABLE ods.shaped RENAME COLUMN c${round} TO d${round}`;
    case 4: return `ALTER TABLE ods.shaped ALTER COLUMN d${round} TYPE BIGINT`;
    case 5: return `INSERT INTO ods.shaped VALUES ${values([21], `, ${step + 2 ** 40}`)}`;
    case 6: return `DELETE FROM ods.shaped WHERE id = 20`;
    default: return `ALTER TABLE ods.shaped DROP COLUMN d${round}`;
  }
}
const shapeSteps = 8;

/** @returns columns and rows of `ods.shaped` after so many steps, as text. */
export function shapedAfter(steps: number): string {
  let columns = columnsBefore;
  const rows = new Map<number, (number | null)[]>();
  for (let step = 0; step < steps; step++) {
    const round = Math.floor(step / shapeSteps);
    const put = (ids: readonly number[], ...more: number[]): void => ids.forEach((id) => rows.set(id, [id, step, ...more]));
    switch (step % shapeSteps) {
      case 0: put([0, 1, 2].map((i) => (round * 3 + i) % 15)); break;
      case 1:
        columns = [...columns, `c${round} INTEGER`];
        for (const row of rows.values()) row.push(null);
        break;
      case 2: put([round % 15, 20], step); break;
      case 3: columns = columns.with(2, `d${round} INTEGER`); break;
      case 4: columns = columns.with(2, `d${round} BIGINT`); break;
      case 5: put([21], step + 2 ** 40); break;
      case 6: rows.delete(20); break;
      default:
        columns = columns.slice(0, 2);
        for (const row of rows.values()) row.pop();
    }
  }
  return shapeText(columns, [...rows.values()].sort((a, b) => a[0]! - b[0]!));
}

/** @param rows by their first column. */
export function shapeText(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return `${columns.join(', ')}: ${rows.map((row) => row.join(' ')).join('; ')}`;
}

/** Tags that stand at a time. */
const tagsKept = 3;

/** The n-th step of the tagger: a tag is made, then an older one goes. @param epoch of some are between checkpoints. */
export function tagStep(step: number, epoch: number): string {
  const at = Math.floor(step / 2);
  if (step % 2 === 1) return `DROP TAG IF EXISTS ${at < tagsKept ? 'never' : `t${at - tagsKept}`}`;
  return `CREATE TAG t${at}${at % 3 === 1 ? '' : ` AT EPOCH ${epoch}`}`;
}

/** @returns the names of the tags after so many steps. */
export function tagsAfter(steps: number): string[] {
  const names: string[] = [];
  for (let at = 0; at * 2 < steps; at++) names.push(`t${at}`);
  return names.slice(Math.max(0, Math.floor(steps / 2) - tagsKept));
}

/** One change of `ods.items` as the subscriber gets it. */
export type ItemChange = readonly [op: string, key: number, text: string];

/** What the subscriber has: all epochs up to `through`, folded. */
export interface Followed {
  readonly through: number;
  readonly rows: readonly (readonly [key: number, text: string])[];
}

/** @returns it with the changes of the next epoch. @throws where a change does not fit: something was left out or came twice. */
export function followed({through, rows}: Followed, epoch: number, changes: readonly ItemChange[]): Followed {
  if (epoch <= through) throw new Error(`epoch ${epoch} was taken after ${through}`);
  const content = new Map(rows);
  for (const [op, key, text] of changes) {
    const before = content.get(key);
    const fits = op === '+I' || op === '+U' ? before === undefined : before === text;
    if (!fits) throw new Error(`epoch ${epoch} says ${op} ${key} ${text} where the follower has ${before ?? 'nothing'} at epoch ${through}`);
    if (op === '+I' || op === '+U') content.set(key, text);
    else content.delete(key);
  }
  return {through: epoch, rows: [...content]};
}
