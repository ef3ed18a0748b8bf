/** What printed steps select from. */
import type {ColumnRef} from './print-expression.ts';

/** What stands in a FROM: `text` with its columns written as `ref(i)`. */
export interface Source {
  readonly text: string;
  readonly alias: string;
  readonly ref: ColumnRef;
  readonly columnCount: number;
  /** Whether `*` gives exactly x1, x2 …: true for steps. */
  readonly stepped: boolean;
}

export function refs(source: Source): string[] {
  return Array.from({length: source.columnCount}, (_, i) => source.ref(i));
}

export function numbered(texts: readonly string[]): string {
  return texts.map((text, i) => `${text} AS x${i + 1}`).join(', ');
}

export function tableSource(relation: string, alias: string, names: readonly string[]): Source {
  return {text: `${relation} AS ${alias}`, alias, ref: index => `${alias}.${names[index]!}`, columnCount: names.length, stepped: false};
}

/** The same relation under another alias, for a join with itself. */
export function renamed(source: Source, alias: string): Source {
  const relation = source.stepped ? source.text : source.text.slice(0, source.text.length - ` AS ${source.alias}`.length);
  return {...source, text: `${relation} AS ${alias}`, alias, ref: index => `${alias}${source.ref(index).slice(source.alias.length)}`};
}
