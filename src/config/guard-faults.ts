/** Checks of the guards' settings that involve several of them. */
import { isHttpUrl } from './read-setting.js';
import type { SettingPath, Settings } from './settings.js';

type GuardFault = readonly [path: SettingPath, message: string];

export function guardFaults(config: Settings): GuardFault[] {
  return [...levelFaults(config), ...prometheusFaults(config)];
}

function levelFaults(config: Settings): GuardFault[] {
  const ordered = (low: SettingPath, high: SettingPath): GuardFault[] =>
    config[low] < config[high]
      ? []
      : [[low, `expected less than ${high}, which is ${config[high]}, found ${config[low]}`]];
  const notAbove = (low: SettingPath, high: SettingPath): GuardFault[] =>
    config[low] <= config[high]
      ? []
      : [[low, `expected at most what ${high} is, ${config[high]}, found ${config[low]}`]];
  return [
    ...ordered('guard.recovery.below', 'guard.warn.at'),
    ...ordered('guard.warn.at', 'guard.emergency.at'),
    ...ordered('guard.emergency.at', 'guard.panic.at'),
    ...notAbove('guard.emergency.admit', 'guard.warn.admit'),
    ...notAbove('guard.panic.admit', 'guard.emergency.admit'),
    ...notAbove('guard.panic.admit', 'guard.panic.admit_critical'),
  ];
}

const EXPRESSIONS = [
  'guard.prometheus.cpu',
  'guard.prometheus.memory',
  'guard.prometheus.series',
  'guard.prometheus.other',
] as const;

function prometheusFaults(config: Settings): GuardFault[] {
  const url = config['guard.prometheus.url'];
  const named = EXPRESSIONS.filter((path) => config[path] !== '');
  if (url === '') {
    return named.map((path) => [path, 'guard.prometheus.url is needed with it: who is to be asked?']);
  }
  const faults: GuardFault[] = [];
  // It may contain a password.
  if (!isHttpUrl(url)) {
    faults.push(['guard.prometheus.url', 'expected an http:// or https:// URL without a user and a query']);
  }
  if (named.length === 0) {
    faults.push(['guard.prometheus.url', `expected an expression with it: ${EXPRESSIONS.join(', ')}`]);
  }
  const { 'guard.prometheus.username_file': user, 'guard.prometheus.password_file': password } = config;
  if ((user === '') !== (password === '')) {
    faults.push([
      'guard.prometheus.username_file',
      'expected guard.prometheus.password_file with it, or neither',
    ]);
  }
  if (user !== '' && config['guard.prometheus.bearer_token_file'] !== '') {
    faults.push([
      'guard.prometheus.bearer_token_file',
      'expected it or guard.prometheus.username_file, not both',
    ]);
  }
  const interval = config['guard.prometheus.interval'];
  if (config['guard.prometheus.timeout'] > interval) {
    faults.push(['guard.prometheus.timeout', `expected at most guard.prometheus.interval, ${interval} ms`]);
  }
  if (config['guard.prometheus.keep'] < interval) {
    faults.push(['guard.prometheus.keep', `expected at least guard.prometheus.interval, ${interval} ms`]);
  }
  return faults;
}
