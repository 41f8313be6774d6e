/** What guards do, would do, or do not know, in sentences. */
import { standingText } from '../controls/guard-control.js';
import type { Edge } from './edge.js';

interface GuardProblem {
  readonly of: 'edge' | 'mimir';
  readonly level: 'near';
  readonly text: string;
}

export function guardProblems({ guards }: Pick<Edge, 'guards'>): GuardProblem[] {
  const acts = guards.mode === 'act';
  return guards.status().flatMap(({ guard, standing, rules }) => {
    const whose = guard === 'edge' ? 'what the edge measures' : 'what a Prometheus says';
    const does = acts ? 'acts' : 'would act, and only observes (guard.mode)';
    const found: GuardProblem[] = rules.flatMap(({ rule, error }) =>
      error === undefined
        ? []
        : [{ of: 'edge', level: 'near', text: `A guard does not know ${rule}: its Prometheus ${error}.` }],
    );
    if (standing.level !== 'calm' && (acts || standing.level !== 'recovering')) {
      const text = `A guard ${does}, by ${whose}: ${standingText(standing)}; ${standing.cause}.`;
      found.push({ of: 'mimir', level: 'near', text });
    }
    return found;
  });
}
