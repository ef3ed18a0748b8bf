/** Names in printed SQL: quoted only where DuckDB would misread them, so that plans stay readable. */
import {quoteIdentifier} from '../quote.ts';

/** DuckDB's keywords outside its `unreserved` category (duckdb_keywords(); a test compares the two). */
export const reservedWords: ReadonlySet<string> = new Set(`
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default deferrable
desc describe distinct do else end except false fetch for foreign from group having in initially intersect into lambda lateral
leading limit not null offset on only or order pivot pivot_longer pivot_wider placing primary qualify references returning
select show some summarize symmetric table then to trailing true union unique unpivot using variadic when where window with
anti asof at authorization binary by collation columns concurrently cross freeze full generated glob ilike inner is isnull join
left like map natural notnull outer overlaps positional right semi similar struct tablesample try_cast unpack verbose
between varchar bit boolean char character coalesce dec decimal exists extract float grouping bigint inout int integer interval
national nchar none nullif numeric out overlay position precision real row setof smallint substring time timestamp treat trim
values xmltable xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
grouping_id`.trim().split(/\s+/));

/** @returns `name` as an identifier: bare if it is plain lower-case ASCII and no keyword, else quoted. */
export function printName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !reservedWords.has(name) ? name : quoteIdentifier(name);
}
