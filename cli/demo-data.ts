/** What the demo replays: the 3,000,000 US flights of early 2001 if the data set is installed, else flights made up from a seed. */
import {existsSync} from 'node:fs';
import {dirname, join} from 'node:path';

export interface DemoData {
  /** Said to the user. */
  readonly description: string;
  readonly rowCount: number;
  /** SQL of flights `from`..`to` (row numbers from 1): id BIGINT, ts TIMESTAMP, delay INTEGER, distance INTEGER, origin VARCHAR, destination VARCHAR. */
  flightsSql(from: number, to: number): string;
  /** SQL of airports: iata, name, city, state. */
  readonly airportsSql: string;
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export function findDemoData(): DemoData {
  return installedData() ?? generatedData();
}

function installedData(): DemoData | null {
  const folder = [process.cwd(), import.meta.dirname].flatMap(ancestors).map((at) => join(at, 'node_modules', 'vega-datasets', 'data')).find((at) => existsSync(at));
  if (folder === undefined) return null;
  const flights = join(folder, 'flights-3m.parquet');
  const airports = join(folder, 'airports.csv');
  if (!existsSync(flights) || !existsSync(airports)) return null;
  return {
    description: '3,000,000 US flights of the first half of 2001 and 3,376 airports (npm package vega-datasets)',
    rowCount: 3_000_000,
    flightsSql: (from, to) => `SELECT file_row_number + 1 AS id, date::TIMESTAMP AS ts, delay::INTEGER AS delay, distance::INTEGER AS distance, origin, destination
      FROM read_parquet(${quote(flights)}, file_row_number = true) WHERE file_row_number >= ${from - 1} AND file_row_number < ${to}`,
    airportsSql: `SELECT iata, name, city, state FROM read_csv(${quote(airports)}, header = true, all_varchar = true) WHERE iata IS NOT NULL`,
  };
}

/** A folder and all above it. */
function ancestors(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...ancestors(above)];
}

/** Pseudo-random but the same every time: hashes of the row number. Three flights have impossible delays, as in the real data. */
function generatedData(): DemoData {
  const airports = 300;
  return {
    description: 'made-up flights between 300 made-up airports: the package vega-datasets with the real ones is not installed',
    rowCount: 3_000_000,
    flightsSql: (from, to) => `SELECT i AS id, TIMESTAMP '2001-01-01' + to_microseconds((i * 5212345) + (hash(i) % 1000)::BIGINT) AS ts,
      CASE WHEN i % 1000003 = 540000 THEN -1200 ELSE ((hash(i, 1) % 97)::INTEGER - 20 + CASE WHEN hash(i, 2) % 20 = 0 THEN 90 ELSE 0 END) END AS delay,
      (100 + hash(i, 3) % 2500)::INTEGER AS distance, 'A' || (hash(i, 4) % ${airports})::VARCHAR AS origin, 'A' || (hash(i, 5) % ${airports})::VARCHAR AS destination
      FROM range(${from}, ${to} + 1) r(i)`,
    airportsSql: `SELECT 'A' || i::VARCHAR AS iata, 'Airport ' || i::VARCHAR AS name, 'City ' || (i // 2)::VARCHAR AS city, 'S' || (i % 50)::VARCHAR AS state FROM range(${airports}) r(i)`,
  };
}
