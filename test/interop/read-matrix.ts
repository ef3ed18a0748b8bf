/**
 * Tables and what every reader must find in them. All tables are collected first and then read together: one process for Java's, one for
 * pypaimon's and one Flink program, side by side. Each table and reader is one case. Our own reader and `check` read every table too.
 */
import type {Kernel} from '../../kernel/duckdb.ts';
import {checkTable} from '../../storage/lsm/check-table.ts';
import {PaimonTable} from '../../storage/lsm/paimon-table.ts';
import {scanPlan} from '../../storage/lsm/scan-plan.ts';
import {scanSql} from '../../storage/lsm/scan-sql.ts';
import {doors} from '../../storage/lsm/test-tables.ts';
import {type DataField, type PaimonType, paimonTypeText} from '../../storage/paimon/data-type.ts';
import {basename, dirname} from 'node:path';
import {assertLines, type Line, lineOf, parseLines, readLines} from './canonical.ts';
import type {PeerProcess} from './peer-process.ts';
import {type Available, FlinkFailure, type FlinkPeer, type FlinkRow, type Peers} from './peers.ts';
import type {Report} from './report.ts';

export type Reader = 'millrace' | 'check' | 'pypaimon' | 'java' | 'flink';

export interface ExpectedTable {
  readonly name: string;
  readonly directory: string;
  /** Sorted canonical lines. */
  readonly lines: readonly Line[];
  /** Columns that the lines have, in table order; all unless given. */
  readonly columns?: readonly string[];
  /** Readers that cannot read it, with the reason (a fault or a limit of theirs). */
  readonly without?: Readonly<Partial<Record<Reader, string>>>;
}

export class ReadMatrix {
  readonly #tables: ExpectedTable[] = [];

  add(table: ExpectedTable): void {
    this.#tables.push(table);
  }

  /** Reads all tables collected so far by all readers, then forgets them. */
  async run(kernel: Kernel, peers: Peers, report: Report, warehouse: string): Promise<void> {
    const tables = this.#tables.splice(0);
    if (tables.length === 0) return;
    const fields = new Map<string, readonly DataField[]>();
    for (const {directory, columns} of tables) fields.set(directory, (await PaimonTable.open(doors, directory)).schema.fields.filter((field) => columns?.includes(field.name) ?? true));
    const fieldsOf = (table: ExpectedTable): readonly DataField[] => fields.get(table.directory)!;
    const verdict = async (reader: Reader, table: ExpectedTable, lines: () => Promise<readonly Line[]> | readonly Line[]): Promise<void> => {
      await report.check(`${table.name} · ${reader}`, async () => assertLines(await lines(), table.lines, reader));
    };
    const readable = (reader: Reader): ExpectedTable[] => tables.filter((table) => table.without?.[reader] === undefined);
    const ours = async (): Promise<void> => {
      await using session = await kernel.connect();
      for (const table of tables) {
        await verdict('millrace', table, async () => {
          const opened = await PaimonTable.open(doors, table.directory);
          return await readLines(session, scanSql(opened, await scanPlan(opened)), fieldsOf(table));
        });
        await report.check(`${table.name} · check`, async () => {
          const {problems} = await checkTable(session, doors, table.directory);
          if (problems.length > 0) throw new Error(problems.slice(0, 3).map(({path, problem}) => `${path}: ${problem}`).join('\n'));
        });
      }
    };
    const byProcess = async (reader: 'pypaimon' | 'java', available: Available<PeerProcess>): Promise<void> => {
      for (const table of readable(reader)) {
        if ('peer' in available) await verdict(reader, table, async () => parseLines(fieldsOf(table), await available.peer.run('read', table.directory)));
        else report.skip(`${table.name} · ${reader}`, available.reason);
      }
    };
    const flink = async (): Promise<void> => {
      const chosen = readable('flink');
      if (!('peer' in peers.flink)) {
        for (const table of chosen) report.skip(`${table.name} · flink`, peers.flink.reason);
        return;
      }
      const {rows, failure} = await readByFlink(peers.flink.peer, warehouse, chosen, fieldsOf);
      for (const [i, table] of chosen.entries()) {
        await verdict('flink', table, () => {
          const found = rows.get(i);
          if (found === undefined && failure !== undefined) throw new Error(`the Flink program ended before this table: ${failure}`);
          return (found ?? []).map((row) => lineOf(fieldsOf(table), row)).sort();
        });
      }
    };
    const startMs = performance.now();
    const timed = async (reader: string, work: () => Promise<void>): Promise<string> => {
      await work();
      return `${reader} ${((performance.now() - startMs) / 1000).toFixed(0)} s`;
    };
    const times = await Promise.all([timed('millrace', ours), timed('pypaimon', () => byProcess('pypaimon', peers.python)), timed('java', () => byProcess('java', peers.java)), timed('flink', flink)]);
    console.log(`# ${tables.length} tables read: ${times.join(', ')}`);
  }
}

const tableColumn = '_mr_table';
/** Tables of one statement: each statement is a job, which costs more than a small table. */
const tablesPerStatement = 16;
const linesSharedMax = 2_000;

/**
 * Reads tables of any columns in few jobs: each column of a table goes into a slot of its type, the other slots are NULL, and the tables are
 * united.
 *
 * @returns rows by the table's index; a failure of the program leaves out those that come after it.
 */
async function readByFlink(flink: FlinkPeer, folder: string, tables: readonly ExpectedTable[], fieldsOf: (table: ExpectedTable) => readonly DataField[]): Promise<{rows: Map<number, Record<string, unknown>[]>; failure?: string}> {
  const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  const warehouses = [...new Set(tables.map((table) => dirname(dirname(table.directory))))];
  const statements = warehouses.map((path, i) => `CREATE CATALOG p${i} WITH ('type'='paimon','warehouse'='file://${path}')`);
  const slots = tables.map((table) => slotsOf(fieldsOf(table)));
  for (const part of statementParts(tables)) {
    const width = [...new Set(part.flatMap((number) => slots[number]!))].sort();
    statements.push(part.map((number) => {
      const table = tables[number]!;
      const columns = width.map((slot) => {
        const at = slots[number]!.indexOf(slot);
        return `${at === -1 ? `CAST(NULL AS ${slotType(slot)})` : `t.${quote(fieldsOf(table)[at]!.name)}`} AS ${quote(slot)}`;
      });
      const catalog = `p${warehouses.indexOf(dirname(dirname(table.directory)))}`;
      return `SELECT ${number} AS ${tableColumn}, ${columns.join(', ')} FROM ${catalog}.${quote(basename(dirname(table.directory)).replace(/\.db$/, ''))}.${quote(basename(table.directory))} AS t`;
    }).join(' UNION ALL '));
  }
  const rows = new Map<number, Record<string, unknown>[]>();
  let found: readonly FlinkRow[] = [];
  let failure: string | undefined;
  try {
    found = await flink.run(folder, statements);
  } catch (cause) {
    if (!(cause instanceof FlinkFailure)) throw cause;
    failure = cause.message;
    found = cause.rows;
  }
  for (const {row} of found) {
    const index = Number(row[tableColumn]);
    const plain = Object.fromEntries(fieldsOf(tables[index]!).map((field, i) => [field.name, row[slots[index]![i]!]]));
    const list = rows.get(index);
    if (list === undefined) rows.set(index, [plain]);
    else list.push(plain);
  }
  return failure === undefined ? {rows} : {rows, failure};
}

/** @returns the numbers of the tables of each statement; a large one stands alone, so that its rows carry no slots of others. */
function statementParts(tables: readonly ExpectedTable[]): number[][] {
  const parts: number[][] = [];
  let open: number[] = [];
  for (const [number, table] of tables.entries()) {
    if (table.lines.length > linesSharedMax) {
      parts.push([number]);
      continue;
    }
    if (open.length === 0) parts.push(open);
    open.push(number);
    if (open.length === tablesPerStatement) open = [];
  }
  return parts;
}

/** @returns a slot for each column: `<number among those of its type> <type in Flink's SQL>`. */
function slotsOf(fields: readonly DataField[]): string[] {
  const seen = new Map<string, number>();
  return fields.map((field) => {
    const type = flinkType(field.type);
    const number = seen.get(type) ?? 0;
    seen.set(type, number + 1);
    return `${String(number).padStart(2, '0')} ${type}`;
  });
}

function slotType(slot: string): string {
  return slot.slice(slot.indexOf(' ') + 1);
}

function flinkType(type: PaimonType): string {
  switch (type.root) {
    case 'ARRAY': case 'MULTISET': return `${type.root}<${flinkType(type.element)}>`;
    case 'MAP': return `MAP<${flinkType(type.key)}, ${flinkType(type.value)}>`;
    case 'ROW': return `ROW<${type.fields.map((field) => `\`${field.name}\` ${flinkType(field.type)}`).join(', ')}>`;
    case 'TIMESTAMP_LTZ': return `TIMESTAMP_LTZ(${type.precision})`;
    default: return paimonTypeText({...type, nullable: true});
  }
}
