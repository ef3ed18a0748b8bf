/** `/metrics` in Prometheus' text format. Gauges are read from the warehouse when asked for. */
import {Gauge, Registry} from 'prom-client';
import type {Warehouse} from '../engine/warehouse.ts';
import type {LoopLag} from './loop-lag.ts';

/** @returns the metrics of one warehouse at this moment. */
export async function metricsText(warehouse: Warehouse, lag: LoopLag): Promise<{contentType: string; text: string}> {
  const registry = new Registry();
  for (const {name, help, value, labels} of [...await warehouse.metrics(), ...lag.metrics()]) {
    const labelNames = Object.keys(labels);
    const known = registry.getSingleMetric(name);
    const gauge = known instanceof Gauge ? known : new Gauge({name, help, labelNames, registers: [registry]});
    gauge.set(labels, value);
  }
  return {contentType: registry.contentType, text: await registry.metrics()};
}
