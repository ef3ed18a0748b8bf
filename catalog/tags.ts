/**
 * Tags as values: CREATE TAG checked against the rules and the catalog, and the record that drops one. Pure: nothing is changed until a
 * record is applied.
 */
import {WarehouseError} from '../base/error.ts';
import {tagsMax} from '../base/limit.ts';
import {didYouMean} from '../kernel/statement/nearest.ts';
import type {Catalog} from './catalog.ts';
import {checkTagName} from './names.ts';
import type {DdlRecord, TagSpec} from './spec.ts';

/**
 * @param name as written; names are the warehouse's, each once in any case.
 * @throws {WarehouseError} `MR_TAG_EXISTS`, `MR_BAD_NAME`; `MR_BUSY` beyond `tagsMax`.
 */
export function checkNewTag(catalog: Catalog, name: string): void {
  checkTagName(name);
  const twin = catalog.findTag(name);
  if (twin !== undefined) throw new WarehouseError('invalid', 'MR_TAG_EXISTS', `expected a new tag, found "${twin.name}" of epoch ${twin.epoch}`, {hint: 'write IF NOT EXISTS, choose another name, or DROP TAG it first'});
  const count = catalog.tags().length;
  if (count >= tagsMax) throw new WarehouseError('unavailable', 'MR_BUSY', `the warehouse has ${count} tags, at most ${tagsMax} are kept`, {hint: 'DROP TAG those that nobody reads; RETAIN gives a tag an end'});
}

/** @returns the record that drops a tag. @throws {WarehouseError} `MR_UNKNOWN_TAG` with the nearest name. */
export function dropTagRecord(catalog: Catalog, name: string): DdlRecord {
  return {kind: 'drop-tag', name: requireTag(catalog, name).name};
}

/** @returns the tag of that name. @throws {WarehouseError} `MR_UNKNOWN_TAG`. */
export function requireTag(catalog: Catalog, name: string): TagSpec {
  const found = catalog.findTag(name);
  if (found !== undefined) return found;
  const near = didYouMean(name, catalog.tags().map((tag) => tag.name));
  const hint = near ?? (/^\d+$/.test(name) ? `an epoch is a number: AT (VERSION => ${name})` : 'SHOW TAGS lists them');
  throw new WarehouseError('invalid', 'MR_UNKNOWN_TAG', `expected a tag that exists, found "${name}"`, {hint});
}

/** @throws {WarehouseError} `MR_TAG_EXISTS` (conflict), `MR_TAG_GONE` (conflict) when a record does not fit the catalog it is committed to. */
export function checkTagRecord(catalog: Catalog, record: DdlRecord): void {
  if (record.kind === 'create-tag' && catalog.findTag(record.tag.name) !== undefined) throw new WarehouseError('conflict', 'MR_TAG_EXISTS', `tag "${record.tag.name}" was made meanwhile`);
  if (record.kind === 'drop-tag' && catalog.findTag(record.name) === undefined) throw new WarehouseError('conflict', 'MR_TAG_GONE', `tag "${record.name}" was dropped meanwhile`);
}
