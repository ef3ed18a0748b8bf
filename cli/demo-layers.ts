/** The demo's three layers: raw flights and airports, flights with places and a class, three aggregates. */
import type {LogicalType} from '../base/type.ts';

/** Columns of ods.flights. */
export const flightTypes: readonly LogicalType[] = [{kind: 'bigint'}, {kind: 'timestamp'}, {kind: 'integer'}, {kind: 'integer'}, {kind: 'varchar'}, {kind: 'varchar'}];

export const demoLayers = `
CREATE SCHEMA ods; CREATE SCHEMA dwd; CREATE SCHEMA dws;
CREATE TABLE ods.flights (id BIGINT PRIMARY KEY, ts TIMESTAMP, delay INTEGER, distance INTEGER, origin VARCHAR NOT NULL, destination VARCHAR NOT NULL);
CREATE TABLE ods.airports (iata VARCHAR PRIMARY KEY, name VARCHAR, city VARCHAR, state VARCHAR);
CREATE DYNAMIC TABLE dwd.flights AS
  SELECT f.*, o.city AS origin_city, o.state AS origin_state, d.city AS destination_city, d.state AS destination_state,
         CASE WHEN delay <= 15 THEN 'on time' WHEN delay <= 60 THEN 'late' WHEN delay > 60 THEN 'very late' END AS class
  FROM ods.flights f LEFT JOIN ods.airports o ON o.iata = f.origin LEFT JOIN ods.airports d ON d.iata = f.destination;
CREATE DYNAMIC TABLE dws.airport AS
  SELECT origin, count(*) AS flights, count(*) FILTER (WHERE delay > 15) AS delayed, avg(delay) AS delay_avg, max(delay) AS delay_max
  FROM dwd.flights GROUP BY origin;
CREATE DYNAMIC TABLE dws.route AS
  SELECT origin, destination, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max, sum(distance) AS distance
  FROM dwd.flights GROUP BY origin, destination;
CREATE DYNAMIC TABLE dws.airport_hour AS
  SELECT window_start AS hour, origin, count(*) AS flights, avg(delay) AS delay_avg, max(delay) AS delay_max
  FROM TUMBLE(dwd.flights, ts, INTERVAL 1 HOUR) GROUP BY window_start, origin;
`;
