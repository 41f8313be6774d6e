/** The orders before the control plane has given any. */
import type { Config } from '../config/config.js';
import { ALL_ADMITTED } from '../enforce/panic.js';
import { buildSnapshot } from '../limits/snapshot.js';
import type { Orders } from './planes.js';

export function beforeAnyDocument({ mode, defaults, 'log.level': logLevel }: Config): Orders {
  const snapshot = buildSnapshot({ defaults, mimir: [], edge: [] });
  return { snapshot, mode, admitted: ALL_ADMITTED, limitsLoaded: false, logLevel, reloads: 0 };
}
