/**
 * Checks the files with secrets and certificates that settings name, before anything starts. A missing, empty or invalid
 * file is reported in one line, so that no connection is made without it.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { StartError } from '../base/listen.js';
import { messageOf } from '../base/message-of.js';
import type { Config } from '../config/config.js';

const SECRETS = [
  'state.redis.username_file',
  'state.redis.password_file',
  'state.redis.sentinel_password_file',
  'guard.prometheus.bearer_token_file',
  'guard.prometheus.username_file',
  'guard.prometheus.password_file',
] as const;

const AUTHORITIES = [
  'upstream.tls.ca_file',
  'state.redis.tls.ca_file',
  'envoy.tls.client_ca_file',
  'guard.prometheus.tls.ca_file',
] as const;

const PAIRS = [
  ['state.redis.tls.cert_file', 'state.redis.tls.key_file'],
  ['envoy.tls.cert_file', 'envoy.tls.key_file'],
] as const;

/** Throws a StartError that names the setting. */
export function checkFiles(config: Config): void {
  for (const setting of SECRETS) {
    if (config[setting] !== '' && read(config, setting).trim() === '') {
      throw new StartError(`${setting}: ${config[setting]} is empty`);
    }
  }
  for (const setting of AUTHORITIES) if (config[setting] !== '') checkCertificates(config, setting);
  for (const [cert, key] of PAIRS) {
    if (config[cert] === '' && config[key] === '') continue;
    if (config[cert] === '' || config[key] === '') {
      throw new StartError(`${cert} and ${key} are needed together: one of them is not set`);
    }
    checkPair(config, cert, key);
  }
}

/** Some setting names a file. */
export function namesFiles(config: Config): boolean {
  return [...SECRETS, ...AUTHORITIES, ...PAIRS.flat()].some((setting) => config[setting] !== '');
}

type FileSetting = (typeof SECRETS)[number] | (typeof AUTHORITIES)[number] | (typeof PAIRS)[number][number];

function read(config: Config, setting: FileSetting): string {
  try {
    return readFileSync(config[setting], 'utf8');
  } catch (error) {
    throw new StartError(`${setting}: ${messageOf(error)}`);
  }
}

/** Node treats a CA file without a certificate as trusting nobody, and an empty one as not given. */
function checkCertificates(config: Config, setting: FileSetting): void {
  try {
    new X509Certificate(read(config, setting));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`${setting}: ${config[setting]} has no certificate in PEM`);
  }
}

function checkPair(config: Config, cert: FileSetting, key: FileSetting): void {
  checkCertificates(config, cert);
  try {
    createSecureContext({ cert: read(config, cert), key: read(config, key) });
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`${key}: ${config[key]} is not the key of ${config[cert]} (${messageOf(error)})`);
  }
}
