/** The snapshot file `snapshot/snapshot-N`: one commit of a table. */
import {damaged, unsupported} from './failure.ts';
import {parseExactJson, printExactJson} from './exact-json.ts';
import {JsonReader} from './json-reader.ts';

export type CommitKind = 'APPEND' | 'COMPACT' | 'OVERWRITE' | 'ANALYZE';

export interface Snapshot {
  readonly id: number;
  readonly schemaId: number;
  /** The files before this commit (file name in `manifest/`). */
  readonly baseManifestList: string;
  readonly baseManifestListSize?: number;
  /** The changes of this commit. */
  readonly deltaManifestList: string;
  readonly deltaManifestListSize?: number;
  readonly changelogManifestList?: string;
  readonly changelogManifestListSize?: number;
  readonly indexManifest?: string;
  readonly commitUser: string;
  /** Grows for one user; 2^63-1 in batch jobs. */
  readonly commitIdentifier: bigint;
  readonly commitKind: CommitKind;
  /** ms since 1970, UTC. */
  readonly timeMillis: number;
  /** Physical rows of live files. */
  readonly totalRecordCount: number;
  readonly deltaRecordCount: number;
  readonly changelogRecordCount?: number;
  readonly watermark?: bigint;
  readonly statistics?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly nextRowId?: bigint;
}

const SNAPSHOT_VERSION = 3;
const kinds: readonly string[] = ['APPEND', 'COMPACT', 'OVERWRITE', 'ANALYZE'] satisfies CommitKind[];

/** @throws {WarehouseError} `MR_PAIMON_DAMAGED`, `MR_PAIMON_UNSUPPORTED` */
export function parseSnapshot(text: string, where: string): Snapshot {
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch (cause) {
    throw damaged(where, 'is not JSON', cause);
  }
  const reader = new JsonReader(json, where);
  const version = reader.optionalInteger('version') ?? 1;
  if (version !== SNAPSHOT_VERSION) throw unsupported(where, `snapshot version ${version}`, `this release reads version ${SNAPSHOT_VERSION}`);
  const kind = reader.string('commitKind');
  if (!kinds.includes(kind)) throw damaged(where, `unknown commitKind "${kind}"`);
  const optional = {
    baseManifestListSize: reader.optionalInteger('baseManifestListSize'),
    deltaManifestListSize: reader.optionalInteger('deltaManifestListSize'),
    changelogManifestList: reader.optionalString('changelogManifestList'),
    changelogManifestListSize: reader.optionalInteger('changelogManifestListSize'),
    indexManifest: reader.optionalString('indexManifest'),
    changelogRecordCount: reader.optionalInteger('changelogRecordCount'),
    watermark: reader.has('watermark') ? reader.long('watermark') : undefined,
    statistics: reader.optionalString('statistics'),
    properties: reader.has('properties') ? reader.stringMap('properties') : undefined,
    nextRowId: reader.has('nextRowId') ? reader.long('nextRowId') : undefined,
  };
  return {
    id: reader.integer('id'), schemaId: reader.integer('schemaId'),
    baseManifestList: reader.string('baseManifestList'), deltaManifestList: reader.string('deltaManifestList'),
    commitUser: reader.string('commitUser'), commitIdentifier: reader.long('commitIdentifier'), commitKind: kind as CommitKind,
    timeMillis: reader.integer('timeMillis'), totalRecordCount: reader.integer('totalRecordCount'), deltaRecordCount: reader.integer('deltaRecordCount'),
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<Snapshot>),
  };
}

export function printSnapshot(s: Snapshot): string {
  return printExactJson({
    version: SNAPSHOT_VERSION, id: s.id, schemaId: s.schemaId,
    baseManifestList: s.baseManifestList, baseManifestListSize: s.baseManifestListSize,
    deltaManifestList: s.deltaManifestList, deltaManifestListSize: s.deltaManifestListSize,
    changelogManifestList: s.changelogManifestList, changelogManifestListSize: s.changelogManifestListSize,
    indexManifest: s.indexManifest, commitUser: s.commitUser, commitIdentifier: s.commitIdentifier, commitKind: s.commitKind,
    timeMillis: s.timeMillis, totalRecordCount: s.totalRecordCount, deltaRecordCount: s.deltaRecordCount,
    changelogRecordCount: s.changelogRecordCount, watermark: s.watermark, statistics: s.statistics, properties: s.properties,
    nextRowId: s.nextRowId,
  });
}
