/** The secret that replicas agree on: hash-key.lua. */
import { hashKeyKey } from './keys.js';
import { readLua, type Script } from './script.js';

export const hashKeyScript: Script<'hashKey'> = {
  lua: readLua('hash-key.lua'),
  encode: (prefix, tenant, { own }) => [[hashKeyKey(prefix, tenant), Buffer.from(own).toString('hex')]],
  decode: ([reply = []]) => Buffer.from(String(reply[0]), 'hex'),
};
