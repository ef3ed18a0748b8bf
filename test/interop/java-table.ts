/** A table that Paimon's Java library makes and changes, step by step. */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import * as fc from 'fast-check';
import {type DataField, parseType} from '../../storage/paimon/data-type.ts';
import {canonicalRow, canonicalValue} from './canonical-arbitrary.ts';
import type {PeerProcess} from './peer-process.ts';

export type JavaRow = Readonly<Record<string, unknown>>;

export interface JavaSpec {
  readonly columns: readonly (readonly [name: string, type: unknown])[];
  readonly primaryKeys?: readonly string[];
  readonly partitionKeys?: readonly string[];
  readonly options?: Readonly<Record<string, string>>;
}

/** What Java does next. Options hold for that step alone. */
export type JavaStep =
  | {readonly rows: readonly JavaRow[]; readonly options?: readonly string[]}
  /** Changes with their kinds. */
  | {readonly changes: readonly {readonly op: string; readonly row: JavaRow}[]; readonly options?: readonly string[]}
  | {readonly compact: 'full' | 'minor'}
  | {readonly alter: readonly JavaRow[]}
  | {readonly overwrite: readonly JavaRow[]}
  | {readonly tag: string};

export const writeOnly = ['-o', 'write-only=true'];
let fileNumber = 0;

/** Makes the table at `directory` and carries the steps out. */
export async function javaTable(java: PeerProcess, folder: string, directory: string, spec: JavaSpec, steps: readonly JavaStep[]): Promise<void> {
  const file = (content: string): string => {
    const path = join(folder, `step-${fileNumber++}.json`);
    writeFileSync(path, content);
    return path;
  };
  const options = spec.primaryKeys === undefined ? {bucket: '-1', ...spec.options} : {bucket: '1', ...spec.options};
  await java.run('create', directory, file(JSON.stringify({fields: spec.columns.map(([name, type]) => ({name, type})), primaryKeys: spec.primaryKeys ?? [], partitionKeys: spec.partitionKeys ?? [], options})));
  const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  for (const step of steps) {
    if ('rows' in step) await java.run('upsert', directory, file(lines(step.rows)), ...(step.options ?? writeOnly));
    else if ('changes' in step) await java.run('upsert', directory, file(lines(step.changes)), ...(step.options ?? writeOnly));
    else if ('compact' in step) await java.run('compact', directory, ...(step.compact === 'minor' ? ['--minor'] : []));
    else if ('alter' in step) await java.run('alter', directory, JSON.stringify(step.alter));
    else if ('overwrite' in step) await java.run('overwrite', directory, file(lines(step.overwrite)));
    else await java.run('tag', directory, step.tag);
  }
}

/** @returns the columns as fields, for generators. */
export function fieldsOf(spec: JavaSpec): DataField[] {
  return spec.columns.map(([name, type], id) => {
    const parsed = parseType(type, name);
    return {id, name, type: spec.primaryKeys?.includes(name) === true ? {...parsed, nullable: false} : parsed};
  });
}

/**
 * @returns steps that insert keys, then update, delete and insert others, so that files overlap: one commit each.
 */
export function randomSteps(spec: JavaSpec, seed: number, options: {readonly commits?: number; readonly rows?: number; readonly deletes?: boolean} = {}): JavaStep[] {
  const fields = fieldsOf(spec);
  const keyNames = spec.primaryKeys ?? [];
  const rows = options.rows ?? 20;
  const keyFields = fields.filter((field) => keyNames.includes(field.name));
  const keys = fc.sample(fc.record(Object.fromEntries(keyFields.map((field) => [field.name, canonicalValue(field.type)])), {noNullPrototype: true}), {numRuns: rows, seed});
  const unique = [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
  return Array.from({length: options.commits ?? 3}, (_, commit): JavaStep => {
    const values = fc.sample(canonicalRow(fields), {numRuns: rows, seed: seed * 100 + commit});
    if (keyNames.length === 0) return {rows: values};
    const chosen = commit === 0 ? unique : fc.sample(fc.constantFrom(...unique), {numRuns: Math.ceil(rows / 2), seed: seed * 100 + commit});
    const once = [...new Map(chosen.map((key) => [JSON.stringify(key), key])).values()];
    return {changes: once.map((key, i) => ({op: options.deletes !== false && commit > 0 && i % 4 === 1 ? '-D' : commit === 0 ? '+I' : '+U', row: {...values[i]!, ...key}}))};
  });
}
