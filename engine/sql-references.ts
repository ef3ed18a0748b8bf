/**
 * What a query reads beside tables as they are: `changes(t, since => n, until => m)`, `t$changelog` (all of it), `t$rejected`, `t$files` and others, system tables, and
 * tables at other epochs than the read's. Changes are computed from the changelog and bound to the session as relations; `t$rejected` is
 * a table like others, empty until it exists.
 */
import {WarehouseError} from '../base/error.ts';
import {Arena} from '../base/arena.ts';
import {gatherColumns} from '../base/columns.ts';
import {OP_TEXT, type Column} from '../base/delta.ts';
import {epoch as toEpoch, type Epoch} from '../base/epoch.ts';
import {publishSliceRows} from '../base/limit.ts';
import {formAt} from '../catalog/forms.ts';
import {typeText} from '../base/type.ts';
import type {Value} from '../base/value.ts';
import {quoteIdentifier} from '../kernel/quote.ts';
import {relationOfPieces, type RelationPiece} from '../kernel/relation-pieces.ts';
import type {GateReference} from '../query/gate.ts';
import {expired} from '../query/history.ts';
import type {PinnedRead} from '../query/pinned-read.ts';
import {changesAs, visibleChanges, visibleShape, type ChangePart} from '../query/change-rows.ts';
import {ReadScope} from './read-scope.ts';
import {emptyRejectedSql} from './rejected-table.ts';
import {rejectedTableOf, requireTable} from './lookup.ts';
import {epochOfClause, epochOfRequest, tableAt} from './sql-epoch.ts';
import {isMetadataKind, metadataRelation} from './table-metadata.ts';
import {relationAt} from './sql-past.ts';
import {isSystemSchema, relationOfRows, systemRows} from './system-tables.ts';
import type {StatementContext} from './statement-context.ts';

/** @param past the request reads everything at an older epoch. */
export function isDerived({kind, schema, at}: GateReference, past = false): boolean {
  return past || kind !== 'table' || at !== undefined || isSystemSchema(schema);
}

/** Identifies what a reference reads; two equal ones share a relation. */
export function referenceKey(reference: GateReference): string {
  return JSON.stringify([reference.kind, reference.schema, reference.name, reference.since, reference.until, reference.at]);
}

/** @returns SQL of every derived reference, by `referenceKey`. */
export async function prepareReferences(context: StatementContext, read: PinnedRead, references: readonly GateReference[]): Promise<{relations: Map<string, string>; release: () => void}> {
  const relations = new Map<string, string>();
  const scope = new ReadScope(context, read);
  try {
    for (const reference of references) {
      const key = referenceKey(reference);
      if (relations.has(key)) continue;
      relations.set(key, await relationOf(scope, reference));
    }
  } catch (cause) {
    scope.release();
    throw cause;
  }
  return {relations, release: () => scope.release()};
}

async function relationOf(scope: ReadScope, reference: GateReference): Promise<string> {
  const {context, context: {host: {catalog}}, read} = scope;
  if (isSystemSchema(reference.schema)) {
    const name = scope.newName();
    scope.bind(name, relationOfRows(await systemRows(context.host, reference.name)));
    return `mr_rows('${name}')`;
  }
  if (isMetadataKind(reference.kind)) {
    const name = scope.newName();
    scope.bind(name, await metadataRelation(context.host.directory, requireTable(catalog, reference), reference.kind));
    return `mr_rows('${name}')`;
  }
  const epoch = reference.at === undefined ? epochOfRequest(context, read) : await epochOfClause(context, read, reference.at);
  if (reference.kind === 'changes' || reference.kind === 'changelog') return changesRelation(scope, reference, epoch, scope.newName());
  if (epoch !== read.epoch) await scope.hold(epoch, 'moment');
  if (reference.kind === 'rejected') {
    const of = epoch === read.epoch ? requireTable(catalog, reference) : await tableAt(context, reference, epoch);
    const rejected = rejectedTableOf(epoch === read.epoch ? catalog : await context.host.past.catalogAt(epoch, catalog), of);
    return rejected === undefined ? `(${emptyRejectedSql})` : relationAt(scope, rejected, epoch);
  }
  return relationAt(scope, epoch === read.epoch ? requireTable(catalog, reference) : await tableAt(context, reference, epoch), epoch);
}

/** Columns of the relation: `_epoch`, `_op`, then the table's visible ones. */
async function changesRelation(scope: ReadScope, reference: GateReference, newest: Epoch, name: string): Promise<string> {
  const {context, read} = scope;
  const {host} = context;
  const table = formAt(requireTable(host.catalog, reference), newest);
  const since = bound(context, reference.since, 0);
  const oldest = since === 0 ? await scope.holdOldest() : host.history.oldest;
  const until = Math.min(bound(context, reference.until, newest), newest);
  if (since !== 0 && since < oldest) throw expired(since, oldest);
  if (since === 0 && until < oldest) throw expired(until, oldest);
  const from = since === 0 ? oldest : toEpoch(since);
  const shape = visibleShape(table);
  const types = [{name: '_epoch', type: {kind: 'bigint'} as const}, {name: '_op', type: {kind: 'varchar'} as const}, ...shape.names.map((column, index) => ({name: column, type: shape.types[index]!}))];
  let pieces: RelationPiece[] = [];
  let spilled = false;
  const spill = async (): Promise<void> => {
    if (!spilled) await read.session.run(`CREATE TEMP TABLE ${name} (${types.map((column) => `${quoteIdentifier(column.name)} ${typeText(column.type)}`).join(', ')})`);
    spilled = true;
    read.session.bindRelation(name, relationOfPieces(types, pieces, publishSliceRows));
    await read.session.run(`INSERT INTO ${name} SELECT * FROM mr_rows('${name}')`);
    pieces = [];
  };
  if (from < until) {
    for await (const sealed of host.history.epochs(from, toEpoch(until), [table], context.options.signal)) {
      const part = sealed.tables.find((candidate) => candidate.table === table.id);
      if (part === undefined) continue;
      if (part.reference !== null) {
        // Too much for memory: it goes with what came before it to a temporary table, which ends with the read.
        for await (const batch of part.batches()) {
          const changes = visibleChanges(shape, changesAs(batch, part.form(), table));
          if (changes !== null) pieces.push(changePiece(sealed.epoch, changes));
          if (pieces.length >= spilledPieces) await spill();
        }
        await spill();
        continue;
      }
      const changes = visibleChanges(shape, changesAs(part.batch(), part.form(), table));
      if (changes !== null) pieces.push(changePiece(sealed.epoch, changes));
    }
    // An abort ends the epochs without a word: a part of the changes must not pass for all of them.
    context.options.signal?.throwIfAborted();
  }
  scope.bind(name, relationOfPieces(types, pieces, publishSliceRows));
  const changes = spilled ? `(SELECT * FROM ${name} UNION ALL SELECT * FROM mr_rows('${name}'))` : `mr_rows('${name}')`;
  if (since !== 0 || oldest === 0) return changes;
  const content = await host.cold(table, oldest, read.session, scope.bound);
  const columns = shape.names.map(quoteIdentifier).join(', ');
  return `(SELECT ${oldest}::BIGINT AS _epoch, '+I' AS _op, ${columns} FROM (${content}) UNION ALL SELECT _epoch, _op, ${columns} FROM ${changes})`;
}

/** Chunks of a large delta that are put into the temporary table at once. */
const spilledPieces = 32;
const opArena = Arena.wrap(new TextEncoder().encode(OP_TEXT.join('')));

/** Every change of a batch, as rows of the relation. */
function changePiece(epoch: Epoch, {ops, columns, rows, end}: ChangePart): RelationPiece {
  const at = new Float64Array(end).fill(epoch);
  const address = new Float64Array(end);
  for (let i = 0; i < end; i++) address[i] = 2 * ops![rows === null ? i : rows[i]!]!;
  const head: Column[] = [{kind: 'f64', data: at, valid: null, bound: epoch}, {kind: 'bytes', arena: opArena, address, length: new Int32Array(end).fill(2), valid: null}];
  return {columns: [...head, ...(rows === null ? columns : gatherColumns(columns, rows, end))], rowCount: end};
}

function bound(context: StatementContext, given: GateReference['since'], otherwise: number): number {
  if (given === undefined) return otherwise;
  if (typeof given === 'number') return given;
  const value: Value | undefined = typeof given.parameter === 'number' ? context.params[given.parameter - 1] : undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new WarehouseError('invalid', 'MR_PARAMETER', `parameter $${given.parameter} is ${String(value)}: expected an epoch`);
  return number;
}
