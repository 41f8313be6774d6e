/** Metrics of guards: loads, standings, and steps taken. */
import { LEVELS } from '../controls/guard-control.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Guards } from './guards.js';

export function exportGuards(metrics: Metrics, guards: Guards): void {
  metrics.gauges({
    name: 'mimir_edge_guard_load',
    help: 'Loads that guards look at: 1 is as much as can be borne. Absent while it is not known.',
    labelNames: ['guard', 'rule'],
    *read() {
      for (const { guard, rules } of guards.status()) {
        for (const { rule, percent } of rules)
          if (percent !== undefined) yield [{ guard, rule }, percent / 100];
      }
    },
  });
  metrics.gauges({
    name: 'mimir_edge_guard_rule_known',
    help: 'Whether a rule knows its load: 0 while its Prometheus does not say.',
    labelNames: ['guard', 'rule'],
    *read() {
      for (const { guard, rules } of guards.status()) {
        for (const { rule, error } of rules) yield [{ guard, rule }, error === undefined ? 1 : 0];
      }
    },
  });
  metrics.gauges({
    name: 'mimir_edge_guard_level',
    help: 'Where a guard stands: 0 calm, 1 recovering, 2 warn, 3 emergency, 4 panic; in mode observe where it would.',
    labelNames: ['guard', 'mode'],
    read: () =>
      guards
        .status()
        .map(
          ({ guard, standing }) => [{ guard, mode: guards.mode }, LEVELS.indexOf(standing.level)] as const,
        ),
  });
  metrics.gauges({
    name: 'mimir_edge_guard_admitted',
    help: 'The part of their rates that a guard lets tenants use, all but critical ones; in mode observe that it would.',
    labelNames: ['guard', 'mode'],
    read: () =>
      guards
        .status()
        .map(({ guard, standing }) => [{ guard, mode: guards.mode }, standing.admitted / 100] as const),
  });
  metrics.counters({
    name: 'mimir_edge_guard_steps_total',
    help: 'Steps that this process took, or would have: to a level, and back.',
    labelNames: ['guard', 'step'],
    *read() {
      for (const { guard, counts } of guards.status()) {
        for (const [step, count] of Object.entries(counts)) yield [{ guard, step }, count];
      }
    },
  });
  metrics.counter({
    name: 'mimir_edge_guard_failures_total',
    help: 'Questions to the Prometheus of guards that brought no number.',
    read: () => guards.failures,
  });
}
