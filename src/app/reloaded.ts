/** What a reload read again, and what could not be used and stays as it was. */
import { messageOf } from '../base/message-of.js';
import type { Config } from '../config/config.js';
import { checkFiles, namesFiles } from './check-files.js';

interface Reloaded {
  readonly read: readonly string[];
  /** Each with the reason. */
  readonly failed: readonly string[];
}

/** The errors found. Undefined: none. Without files to read there is no entry. */
interface ReloadFaults {
  readonly overrides?: string | undefined;
  readonly tokens?: string | undefined;
}

export function reloaded(config: Config, faults: ReloadFaults): Reloaded {
  const found: (readonly [name: string, fault: string | undefined])[] = [['the log level', undefined]];
  if (namesFiles(config)) found.push(['certificates and passwords', faultOf(() => checkFiles(config))]);
  if ('tokens' in faults) found.push(['tokens', faults.tokens]);
  if ('overrides' in faults) found.push(['overrides', faults.overrides]);
  return {
    read: found.flatMap(([name, fault]) => (fault === undefined ? [name] : [])),
    failed: found.flatMap(([name, fault]) => (fault === undefined ? [] : [`${name}: ${fault}`])),
  };
}

function faultOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
