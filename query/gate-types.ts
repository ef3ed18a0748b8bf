/** What goes into the gate and what comes out (gate.ts). */
import type {Value} from '../base/value.ts';

/** What the gate needs of a DuckDB session. */
export interface GateSession {
  rows(sql: string, params?: readonly Value[]): Promise<{readonly rows: readonly (readonly unknown[])[]}>;
}

export type GateReferenceKind = 'table' | 'changes' | 'changelog' | 'rejected' | 'snapshots' | 'files' | 'schemas' | 'tags' | 'options';

/** A bound of `changes`: an epoch, or the user's parameter that holds it, which then is none of the SQL's. */
export type EpochBound = number | {readonly parameter: number | string};

/**
 * `AT (VERSION => …)` or `AT (TIMESTAMP => …)` of a table: `sql` is the user's expression, of constants, parameters and functions, with its
 * parameters numbered `$1 … $n` without gaps; `parameters[i]` is the user's that `$i+1` stands for.
 */
export interface AtClause {
  readonly unit: 'version' | 'timestamp';
  readonly sql: string;
  readonly parameters: readonly (number | string)[];
}

/** Something with rows that the text names. `name` and `schema` as written, without `$rejected`; no schema means `main`. */
export interface GateReference {
  readonly kind: GateReferenceKind;
  readonly schema: string | undefined;
  readonly name: string;
  /** The alias that the text gives it. */
  readonly alias: string | undefined;
  /** Of `changes` only; absent where the text has none. */
  readonly since?: EpochBound;
  readonly until?: EpochBound;
  /** Of a table only: the moment it is to be read at. The relation that the caller gives takes its place too. */
  readonly at?: AtClause;
}

/**
 * What to read for a reference: it as written; another relation, as trusted SQL (a name; for anything but the table of TUMBLE also
 * a call or a bracketed query); or nothing, when no such table exists.
 */
export type Resolution = 'as-written' | {readonly relation: string} | {readonly unknown: true; readonly nearest: readonly string[]};

export interface GateContext {
  /** Asked once for each place in the text that names something. */
  readonly resolve: (reference: GateReference) => Resolution;
  /** Directories below which `read_csv`, `read_parquet` … may read; none unless given. */
  readonly allowedDirectories?: readonly string[];
  /** Where the text stands in the user's script, for messages. */
  readonly start?: {readonly line: number; readonly column: number};
}

export interface GatedSelect {
  /** One SELECT, without semicolon. Its parameters are `$1 … $n` without gaps, or the user's names. */
  readonly sql: string;
  /** In the order of the tree; a table named twice is twice in it. */
  readonly references: readonly GateReference[];
  /** Paths and patterns of files that it reads. */
  readonly files: readonly string[];
  /** `parameters[i]` is the user's parameter that `$i+1` stands for: an ordinal from 1, or a name. */
  readonly parameters: readonly (number | string)[];
}
