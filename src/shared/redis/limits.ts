/** Calls about whose limits are the newest: limits.lua. */
import { limitsKey } from './keys.js';
import { readLua, type Script } from './script.js';

export const limitsScript: Script<'limits'> = {
  lua: readLua('limits.lua'),

  encode: (prefix, tenant, { documents, all, version }) => [
    [
      limitsKey(prefix, tenant),
      String(version),
      ...[documents, all].flatMap(({ hash, place, before }) => [hash, String(place), String(before)]),
    ],
  ],

  decode([reply = []]) {
    const [documents, all, areNewest, version] = reply;
    return {
      documents: Number(documents),
      all: Number(all),
      areNewest: Number(areNewest) === 1,
      version: Number(version),
    };
  },
};
