/** Tokens and the audit, from the files that the settings name. */
import type { Logger } from 'pino';
import { Audit, sentenceOf } from '../admin/audit.js';
import { Tokens } from '../admin/tokens.js';
import { StartError } from '../base/listen.js';
import { messageOf } from '../base/message-of.js';
import type { Config } from '../config/config.js';

export function openAudit(config: Config, log: Logger): Audit {
  return usable(
    config,
    'admin.audit_file',
    (path) =>
      new Audit(path, {
        failed: (error) => log.error({ err: error }, 'admin.audit_file can not be written'),
        added: (entry) => {
          // A change of documents is one line, however many limits it affects.
          if (entry.from !== 'overrides') log.info(entry, sentenceOf(entry));
        },
      }),
  );
}

export function openTokens(config: Config, log: Logger): Tokens {
  return usable(
    config,
    'admin.tokens_file',
    (path) =>
      new Tokens(path, (message) =>
        log.error({ error: message }, 'admin.tokens_file can not be used: the tokens stay as they were'),
      ),
  );
}

function usable<T>(
  config: Config,
  setting: 'admin.tokens_file' | 'admin.audit_file',
  open: (path: string) => T,
): T {
  try {
    return open(config[setting]);
  } catch (error) {
    throw new StartError(`${setting}: ${messageOf(error)}`);
  }
}
