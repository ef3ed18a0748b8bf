/**
 * The page file of what one view keeps beside tables: row stores of its operators and their indexes go there together, rows before
 * indexes. What operators keep by group (sums, counts, extremes) and weights by row stay in memory.
 */
import {WarehouseError} from '../../base/error.ts';
import type {MultiIndex} from './multi-index.ts';
import {type PageFile, PageSpace} from './page-file.ts';
import type {RowStore} from './row-store.ts';
import type {UniqueIndex} from './unique-index.ts';
import {WordBlocks} from './word-blocks.ts';

export class OperatorPages {
  readonly pages: PageSpace;
  readonly blocks: WordBlocks;
  readonly #stores: RowStore[] = [];
  readonly #indexes: (UniqueIndex | MultiIndex)[] = [];

  /** @param open makes the page file, when something goes out first. */
  constructor(open: () => PageFile) {
    this.pages = new PageSpace(open);
    this.blocks = new WordBlocks(this.pages);
  }

  /** Takes note of a store whose rows may go out. */
  keepStore(store: RowStore): void { this.#stores.push(store); }
  /** Takes note of an index of which parts may go out. */
  keepIndex(index: UniqueIndex | MultiIndex): void { this.#indexes.push(index); }

  /** Reads of the page file since the state was made. */
  get readCount(): number { return this.#stores.reduce((sum, {spillCounts}) => sum + (spillCounts?.reads ?? 0), this.blocks.counts.reads); }

  /** Bytes in memory beside stores and indexes. */
  bytes(): number { return this.blocks.bytes(); }

  /** Bytes that `evictRows` could give back. */
  evictableRowBytes(): number { return this.#stores.reduce((sum, store) => sum + store.evictableBytes(), 0); }

  /** Bytes that `evictIndexes` could give back. */
  evictableIndexBytes(): number { return this.#indexes.reduce((sum, index) => sum + index.evictableBytes(), this.blocks.washableBytes()); }

  /** Puts rows out; see `RowStore.evict`. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing is lost. */
  evictRows(bytes: number): number {
    let freed = 0;
    for (const store of this.#stores) if (freed < bytes) freed += store.evict(bytes - freed);
    return freed;
  }

  /** Puts parts of indexes out; see `TableIndexes.evict`. @throws {WarehouseError} `MR_PAGE_FILE_FAILED`; nothing is lost. */
  evictIndexes(bytes: number): number {
    let freed = this.blocks.wash(bytes);
    for (const index of this.#indexes) if (freed < bytes) freed += index.evict(bytes - freed);
    return freed;
  }

  /** Rows that were fetched go if they are many: nothing that was gathered may refer to them. */
  endChunk(): void {
    for (const store of this.#stores) store.endChunk();
  }

  /** Between epochs: as `endChunk`, and room that was freed in the file is used again. */
  endEpoch(): void {
    this.blocks.tick();
    this.endChunk();
    try {
      for (const store of this.#stores) store.reuse();
      for (const index of this.#indexes) index.maintain();
    } catch (cause) {
      // What is out stays out: the next end of an epoch tries again.
      if (!(cause instanceof WarehouseError)) throw cause;
    }
  }

  /** Closes and removes the page file; what lay in it is void. */
  close(): void { this.pages.close(); }
}

/** @returns what a store and its indexes are made with. */
export function spillOptions(pages: OperatorPages | null): {readonly store: {readonly pages?: PageSpace}; readonly index: {readonly blocks: WordBlocks | null}} {
  return {store: pages === null ? {} : {pages: pages.pages}, index: {blocks: pages?.blocks ?? null}};
}
